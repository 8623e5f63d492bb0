"""A message: unsubscribing from it, and the way to read it."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
)

from consent import services as consent
from consent.rules.decision import SuppressionScope
from delivery.framing import framed_mail
from delivery.queries import links
from delivery.tokens import LinkPurpose
from portal import queries, services
from portal.access import PatientRequest, page, public_page, unknown_page
from portal.forms import OpenForm
from portal.rules import GRANT_GOOD_FOR, LOCKED_FOR

GRANTS = "pickup"
"""The session's key: until when (in seconds since 1970) which message is open."""


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page(LinkPurpose.UNSUBSCRIBE)
def unsubscribe(request: PatientRequest) -> HttpResponse:
    """One page, no log-in, no questions (16 CFR 316.5). Only POST acts: scanners follow links.

    Mail services send `List-Unsubscribe=One-Click` without a cookie (RFC 8058 3.1), and a patient's
    browser may have cookies turned off. A forged request would have to know the token, and whoever
    knows it may unsubscribe anyway.
    """
    if request.POST.get("List-Unsubscribe") == "One-Click":
        scope = services.narrow_scope(request.message)
        services.unsubscribe(request.message, scope, "one_click")
        return _unsubscribed(request, scope)
    if request.method == "POST":
        return _unsubscribe_by_button(request)
    return _asked(request, services.narrow_scope(request.message))


def _asked(request: PatientRequest, scope: SuppressionScope) -> HttpResponse:
    return page(
        request,
        "unsubscribe",
        scope=scope.value,
        has_topic=scope is not SuppressionScope.ALL and queries.topic_of(request.message),
        preferences=_preferences(request),
    )


def _unsubscribe_by_button(request: PatientRequest) -> HttpResponse:
    what = request.POST.get("what")
    topic = queries.topic_of(request.message)
    scope = services.narrow_scope(request.message)
    if what == "revoke":
        revoked = services.revoke_authorizations(request.message)
        return _unsubscribed(request, scope, True) if revoked else _asked(request, scope)
    if what == "topic" and topic is not None:
        consent.decline_topic(request.message.contact_id, topic)
        return page(request, "topic_declined", preferences=_preferences(request))
    if what == "all":
        scope = SuppressionScope.ALL
    services.unsubscribe(request.message, scope, "link")
    return _unsubscribed(request, scope)


def _unsubscribed(
    request: PatientRequest, scope: SuppressionScope, revoked: bool = False
) -> HttpResponse:
    return page(
        request,
        "unsubscribed",
        scope=scope.value,
        signed=any(each.stands for each in queries.signed_pages(request.message.contact_id)),
        revoked=revoked,
        preferences=_preferences(request),
    )


def _preferences(request: PatientRequest) -> str:
    """The page where somebody can choose, instead of stopping everything."""
    return links(request.organization, request.message.id).preferences()


@require_http_methods(["GET", "HEAD", "POST"])
@public_page(LinkPurpose.PICKUP)
def message(request: PatientRequest) -> HttpResponse:
    """The message for those who have shown who they are; for others, the way to it.

    Only POST sends a code: a scanner that follows the link sets off nothing.
    """
    if request.message.mailing.withdrawn_at is not None:
        return _withdrawn(request)
    if request.method == "POST":
        act = {"code": _send_code, "open": _open, "close": _close}.get(request.POST.get("what", ""))
        return act(request) if act else redirect(request.get_full_path())
    if _is_granted(request):
        subject = queries.read(request.message, request.organization).subject
        return page(request, "message", subject=subject)
    return _door(request, OpenForm())


def _send_code(request: PatientRequest) -> HttpResponse:
    if services.ask_for_code(request.message):
        return redirect(request.get_full_path())
    return _door(request, OpenForm(), problem="too_many_codes")


def _open(request: PatientRequest) -> HttpResponse:
    """The answer doesn't tell whether the code or the date of birth was wrong."""
    form = OpenForm(request.POST)
    if not form.is_valid():
        return _door(request, form, problem="incomplete")
    data = form.cleaned_data
    if not services.try_to_open(request.message, data["code"], data["birth_date"]):
        return _door(request, form, problem="wrong")
    _grant(request)
    return redirect(request.get_full_path())


def _close(request: PatientRequest) -> HttpResponse:
    grants = _grants(request)
    grants.pop(str(request.message.id), None)
    request.session[GRANTS] = grants
    return page(request, "closed")


@require_GET
@public_page(LinkPurpose.PICKUP)
def message_content(request: PatientRequest) -> HttpResponse:
    """The message itself, for a sandboxed frame."""
    if request.message.mailing.withdrawn_at is not None:
        return _withdrawn(request)
    if not _is_granted(request):
        return unknown_page(request)
    html = queries.read(request.message, request.organization).html
    return framed_mail(html, links=True)


def _withdrawn(request: PatientRequest) -> HttpResponse:
    """Also where the message was open already. Unsubscribing works as before."""
    return page(request, "withdrawn", status=410, preferences=_preferences(request))


def _door(request: PatientRequest, form: OpenForm, problem: str = "") -> HttpResponse:
    now = timezone.now()
    door = queries.door(request.message.id)
    if not queries.known_fact(request.message):
        return page(request, "call")
    if door.is_locked(now):
        return page(request, "locked", minutes=int(LOCKED_FOR.total_seconds() // 60))
    if door.awaits_code(now) or problem in ("wrong", "incomplete"):
        return page(request, "code", form=form, problem=problem)
    return page(request, "door", problem=problem)


def _grants(request: PatientRequest) -> dict[str, Any]:
    """What is open in this browser, without what has expired."""
    now = time.time()
    kept = request.session.get(GRANTS, {})
    return {each: until for each, until in kept.items() if now < until}


def _is_granted(request: PatientRequest) -> bool:
    return str(request.message.id) in _grants(request)


def _grant(request: PatientRequest) -> None:
    """Open this message, no other, in this browser. A new key shuts out whoever planted the old."""
    until = time.time() + GRANT_GOOD_FOR.total_seconds()
    request.session.cycle_key()
    request.session[GRANTS] = _grants(request) | {str(request.message.id): until}
