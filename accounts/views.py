"""Second factor, choosing an organization, staff and the audit log."""

from __future__ import annotations

import base64
from typing import cast
from uuid import UUID

import django_otp
import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from accounts import queries, services
from accounts.access import MemberRequest, organization_page
from accounts.forms import CodeForm, ColleagueForm, mail_password_link
from accounts.models import RecoveryCode, TotpDevice, User, device_of
from accounts.rules import Permission, Role, may_manage
from audit import queries as audit_queries

PENDING_DEVICE = "pending_totp_device"


def _destination(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if safe else reverse("home")


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The person's only organization at once, or a choice."""
    user = cast(User, request.user)
    places = queries.entrances(user.id)
    if len(places) == 1:
        return redirect("campaigns:overview", places[0].organization.slug)
    return render(request, "accounts/organizations.html", {"places": places})


@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for a code from the app, or for a recovery code."""
    user = cast(User, request.user)
    if user.is_verified():  # type: ignore[attr-defined]
        return redirect(_destination(request))
    device = device_of(user.id)
    if device is None:
        return redirect("second_factor_setup")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        used = _verify(user, device, form.cleaned_data["code"])
        if used is not None:
            _enter(request, used)
            return redirect(_destination(request))
        form.add_error("code", _refusal(device))
    return render(
        request, "accounts/second_factor.html", {"form": form, "next": _destination(request)}
    )


def _enter(request: HttpRequest, device: TotpDevice | RecoveryCode) -> None:
    """The session gains rights, so it gets a new key."""
    request.session.cycle_key()
    django_otp.login(request, device)


def _verify(user: User, device: TotpDevice, code: str) -> TotpDevice | RecoveryCode | None:
    if code.isdigit():
        return device if device.verify_token(code) else None
    spare = RecoveryCode.objects.filter(user=user).first()
    return spare if spare and spare.verify_token(code) else None


def _refusal(device: TotpDevice) -> str:
    device.refresh_from_db()
    allowed, _ = device.verify_is_allowed()
    if not allowed:
        return "That did not match. Wait a few seconds before you try the next code."
    return "That code did not match. Codes change every 30 seconds: try the one shown now."


@login_required
def second_factor_setup(request: HttpRequest) -> HttpResponse:
    """Connect an authenticator app and hand out recovery codes, once."""
    user = cast(User, request.user)
    if device_of(user.id) is not None:
        return redirect("second_factor")
    device = TotpDevice.objects.filter(
        user=user, confirmed=False, pk=request.session.get(PENDING_DEVICE)
    ).first()
    if device is None:
        device = services.start_totp(user)
        request.session[PENDING_DEVICE] = device.pk
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = services.confirm_totp(device, form.cleaned_data["code"])
        if codes is not None:
            del request.session[PENDING_DEVICE]
            device.refresh_from_db()
            _enter(request, device)
            return render(request, "accounts/recovery_codes.html", {"codes": codes})
        form.add_error("code", _refusal(device))
    return render(request, "accounts/second_factor_setup.html", {"form": form, **_pairing(device)})


def _pairing(device: TotpDevice) -> dict[str, str]:
    secret = base64.b32encode(device.key).decode().rstrip("=")
    issuer = settings.OTP_TOTP_ISSUER
    address = f"otpauth://totp/{issuer}:{device.user.email}?secret={secret}&issuer={issuer}"
    return {"qr": segno.make(address, micro=False).svg_data_uri(scale=5), "secret": secret}


@organization_page(Permission.MANAGE_STAFF)
def staff(request: MemberRequest) -> HttpResponseBase:
    """Who works here, and whose access this person may end."""
    rows = [
        (
            member,
            member.is_active
            and member.user_id != request.user.id
            and may_manage(request.entrance.role, Role(member.role)),
        )
        for member in queries.members()
    ]
    return render(request, "accounts/staff.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_STAFF)
def staff_new(request: MemberRequest) -> HttpResponseBase:
    """Add a colleague, who gets a link for choosing a password by mail."""
    form = ColleagueForm(request.entrance.role, request.POST or None)
    if request.method == "POST" and form.is_valid() and _add_colleague(request, form):
        email = form.cleaned_data["email"]
        messages.success(request, f"Added. A mail for choosing a password goes to {email}.")
        return redirect("people:staff", request.organization.slug)
    return render(request, "accounts/staff_new.html", {"form": form})


def _add_colleague(request: MemberRequest, form: ColleagueForm) -> bool:
    data = form.cleaned_data
    try:
        with transaction.atomic():
            user = services.add_colleague(
                request.organization, data["email"], data["name"], Role(data["role"])
            )
            mail_password_link(request, user)
    except services.StaffProblem as problem:
        form.add_error("email", str(problem))
    except OSError:  # what the mail server's connection and its refusals raise
        form.add_error(None, "The mail could not be sent, so nobody was added. Try again later.")
    return form.is_valid()


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_STAFF)
def staff_end(request: MemberRequest, membership: UUID) -> HttpResponseBase:
    """Ask, then end a colleague's access."""
    member = queries.member_by_id(membership)
    if member is None:
        raise Http404
    if request.method == "GET":
        return render(request, "accounts/staff_end.html", {"member": member})
    try:
        services.end_access(membership, by=request.user.id, role=request.entrance.role)
    except services.StaffProblem as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"{member.user.name} has no access any more.")
    return redirect("people:staff", request.organization.slug)


@organization_page(Permission.SEE_AUDIT)
def audit_log(request: MemberRequest) -> HttpResponseBase:
    """The newest hundred events: of people, or with `?all=1` of the system too."""
    everything = "all" in request.GET
    events = list(audit_queries.newest_events(100, people_only=not everything))
    people = queries.names({event.actor_id for event in events if event.actor_id})
    rows = [
        (event, people.get(event.actor_id, "") if event.actor_id else "The system")
        for event in events
    ]
    return render(request, "accounts/audit_log.html", {"rows": rows, "everything": everything})
