"""What one patient signed, is asked to sign, and may be sent."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

import segno
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from consent import queries, services
from consent.forms.signatures import (
    AskForm,
    DisputeForm,
    RevocationForm,
    SignatureForm,
)
from consent.forms.uploads import MemoryUpload
from consent.models import Authorization, Scan, SigningRequest
from contacts import queries as contacts
from contacts import services as contact_services
from contacts.queries import OpenedContact
from contacts.rules.masking import masked_name

FILE_ENDINGS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


@csrf_exempt  # looking for the token reads the scan: `_record` looks, once it has a place to go
@require_http_methods(["GET", "POST"])
@organization_page(Permission.RECORD_CONSENT)
def record(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """One patient's authorizations, and room for another one. Looking is logged."""
    request.upload_handlers = [MemoryUpload(request)]
    return _record(request, contact)


@csrf_protect
def _record(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    person = _person(contact)
    form = SignatureForm(queries.versions(), request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            signed = services.record_authorization(form.signature(contact), request.user.id)
        except services.NotRecordable as problem:
            form.add_error(None, str(problem))
        else:
            _after_recording(request, form, signed)
            return redirect("consent:record", request.organization.slug, contact)
    return _page(request, person, form, AskForm(queries.latest_versions().values()))


def _after_recording(request: MemberRequest, form: SignatureForm, signed: Authorization) -> None:
    data = form.cleaned_data
    if data["scan"]:
        services.keep_scan(signed.id, data["scan"], request.user.id)
    messages.success(request, "The authorization is recorded.")
    if data["email_copy"]:
        _email_copy(request, signed)
    elif not data["copy_given"]:
        messages.warning(request, "It allows no mail until you note that the signer has a copy.")


def _email_copy(request: MemberRequest, signed: Authorization) -> None:
    if services.send_copy(signed.id):
        words = "The copy is on its way. Until it has arrived, the authorization allows no mail."
        messages.info(request, words)
    else:
        messages.warning(
            request,
            "The copy can't be emailed: there is no address, or your organization has no sender."
            " Hand it over on paper and note it here.",
        )


def _page(
    request: MemberRequest, person: OpenedContact, form: SignatureForm, ask_form: AskForm
) -> HttpResponseBase:
    contact_services.record_view(person.id)
    now = timezone.now()
    scans = queries.scans_of(person.id)
    context = {
        "form": form,
        "ask": ask_form,
        "contact": person.id,
        "name": masked_name(person.profile),
        "standings": [
            (each, scans.get(each.row.id, [])) for each in queries.standings(person.id, now)
        ],
        "requests": [
            (each, queries.standing_of(each, now)) for each in queries.requests_of(person.id)
        ],
        "outlook": queries.outlook(person.id, now),
    }
    return render(request, "consent/record.html", context)


def _person(contact: UUID) -> OpenedContact:
    person = contacts.opened([contact]).get(contact)
    if person is None:
        raise Http404
    return person


@require_POST
@organization_page(Permission.RECORD_CONSENT)
def ask(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """Put a form before a patient: by email, or by a code on the screen."""
    person = _person(contact)
    form = AskForm(queries.latest_versions().values(), request.POST)
    if form.is_valid():
        channel = form.cleaned_data["channel"]
        try:
            asked = services.ask(
                contact, UUID(form.cleaned_data["version"]), channel, request.user.id
            )
        except services.NotAskable as problem:
            form.add_error(None, str(problem))
        else:
            if channel == "desk":
                return redirect("consent:request", request.organization.slug, asked.id)
            messages.success(
                request, "The patient is asked by email. The link is good for 30 days."
            )
            return redirect("consent:record", request.organization.slug, contact)
    return _page(request, person, SignatureForm(queries.versions()), form)


@require_GET
@organization_page(Permission.RECORD_CONSENT)
def signing_request(request: MemberRequest, signing_request: UUID) -> HttpResponseBase:
    """The code that a patient scans at the desk, as long as there is something to sign."""
    rows = SigningRequest.objects.select_related("version__form", "contact")
    row = get_object_or_404(rows, id=signing_request)
    standing = queries.standing_of(row, timezone.now())
    context = {"row": row, "standing": standing}
    if standing in (queries.RequestStanding.OPEN, queries.RequestStanding.DECLINED):
        address = queries.sign_address(row)
        context["qr"] = segno.make(address, micro=False).svg_data_uri(scale=6)
    return render(request, "consent/request.html", context)


@require_GET
@organization_page(Permission.RECORD_CONSENT)
def authorization(request: MemberRequest, authorization: UUID) -> HttpResponseBase:
    """To the page of whoever signed it."""
    row = get_object_or_404(Authorization, id=authorization)
    return redirect("consent:record", request.organization.slug, row.contact_id)


@require_POST
@organization_page(Permission.RECORD_CONSENT)
def copy_given(request: MemberRequest, authorization: UUID) -> HttpResponseBase:
    """Note that the signer has a copy."""
    row = get_object_or_404(Authorization, id=authorization)
    services.give_copy(row.id)
    messages.success(request, "Noted: the signer has a copy.")
    return redirect("consent:record", request.organization.slug, row.contact_id)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.RECORD_CONSENT)
def revoke(request: MemberRequest, authorization: UUID) -> HttpResponseBase:
    """End an authorization. The page says that nobody can undo it."""
    row = _signed(authorization)
    zone = ZoneInfo(request.organization.time_zone)
    today = timezone.now().astimezone(zone).date()
    form = RevocationForm(request.POST or None, initial={"received_on": today})
    if request.method == "POST" and form.is_valid():
        try:
            services.revoke(
                row.id, form.received_at(zone), form.cleaned_data["how"], request.user.id
            )
        except services.NotRecordable as problem:
            form.add_error("received_on", str(problem))
        else:
            messages.success(request, "The authorization is revoked. No mail goes out under it.")
            return redirect("consent:record", request.organization.slug, row.contact_id)
    return render(request, "consent/revoke.html", {"form": form, "row": row})


@require_http_methods(["GET", "POST"])
@organization_page(Permission.RECORD_CONSENT)
def dispute(request: MemberRequest, authorization: UUID) -> HttpResponseBase:
    """Note that a fact behind an authorization is false. It ends it like a revocation."""
    row = _signed(authorization)
    form = DisputeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.dispute(row.id, form.cleaned_data["reason"], request.user.id)
        messages.success(request, "The dispute is recorded. No mail goes out under it.")
        return redirect("consent:record", request.organization.slug, row.contact_id)
    return render(request, "consent/dispute.html", {"form": form, "row": row})


def _signed(authorization: UUID) -> Authorization:
    rows = Authorization.objects.select_related("version__form")
    row: Authorization = get_object_or_404(rows, id=authorization)
    return row


@require_GET
@organization_page(Permission.RECORD_CONSENT)
def scan(request: MemberRequest, scan: UUID) -> HttpResponseBase:
    """The scan of a signed paper, to download. Each download is logged."""
    try:
        opened = services.open_scan(scan)
    except Scan.DoesNotExist:
        raise Http404 from None
    response = HttpResponse(opened.content, content_type=opened.media_type)
    ending = FILE_ENDINGS[opened.media_type]
    response["Content-Disposition"] = f'attachment; filename="signed-paper-{scan}.{ending}"'
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
