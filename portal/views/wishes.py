"""What somebody wants to get, and whether an address is theirs."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from consent import services as consent
from consent.queries import wishes_of
from consent.rules import words
from consent.rules.decision import SuppressionScope
from delivery.tokens import LinkPurpose
from portal import queries, services
from portal.access import (
    ConfirmingRequest,
    PatientRequest,
    confirming_page,
    page,
    public_page,
)
from portal.forms import BirthDateForm, PreferencesForm
from portal.rules import OFTEN, PAUSES


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page(LinkPurpose.PREFERENCES)
def preferences(request: PatientRequest) -> HttpResponse:
    """One page, no log-in (16 CFR 316.5). Only POST acts; for the rest see `unsubscribe`."""
    if request.method != "POST":
        return _page(request)
    acts = {
        "save": _save,
        "stop": _stop,
        "allow": _allow,
        "revoke": _revoke,
        "plain": _wish_plain_mail,
        "protected": _withdraw_plain_mail,
    }
    act = acts.get(request.POST.get("what", ""))
    return _page(request, done=act(request) if act else "")


def _page(request: PatientRequest, done: str = "") -> HttpResponse:
    """`done` says what was just done, or what is wrong."""
    contact = request.message.contact_id
    wishes = wishes_of(contact)
    today = timezone.localdate()
    return page(
        request,
        "preferences",
        done=done,
        wishes=wishes,
        stopped={each.value for each in wishes.stopped},
        stopped_by_us={each.value for each in wishes.stopped_by_us},
        paused=wishes.paused_until if (wishes.paused_until or today) > today else None,
        topics=queries.topics(request.language, wishes.declined_topics),
        often=OFTEN,
        pauses=PAUSES,
        signed=[each for each in queries.signed_pages(contact) if each.stands],
        has_address=bool(queries.address_now(contact)),
        warning=words.PLAIN_MAIL_WARNING[request.language],
        can_be_recognized=queries.knows_birth_date(contact),
    )


def _save(request: PatientRequest) -> str:
    topics = [topic for topic, *_ in queries.topics(request.language, ())]
    form = PreferencesForm(topics, request.POST)
    if not form.is_valid():
        return "not_saved"
    saved = services.change_preferences(request.message, form.cleaned_data)
    return "saved" if saved else "old_address"


def _stop(request: PatientRequest) -> str:
    services.unsubscribe(request.message, SuppressionScope.ALL, "link")
    return "stopped"


def _allow(request: PatientRequest) -> str:
    return "saved" if services.allow_mail(request.message) else "old_address"


def _revoke(request: PatientRequest) -> str:
    try:
        authorization = UUID(request.POST.get("authorization", ""))
    except ValueError:
        return ""
    revoked = services.revoke_authorization(request.message.contact_id, authorization)
    return "revoked" if revoked else ""


def _wish_plain_mail(request: PatientRequest) -> str:
    """The link alone is weak proof of who reads the mail, so the date of birth is asked for."""
    form = BirthDateForm(request.POST)
    if not form.is_valid() or not request.POST.get("agree"):
        return "plain_incomplete"
    if not queries.is_address_same(request.message):
        return "old_address"
    if not queries.knows_birth_date(request.message.contact_id):
        return "plain_call"
    warning = words.PLAIN_MAIL_WARNING[request.language]
    born = form.cleaned_data["birth_date"]
    try:
        if services.wish_plain_mail(request.message, born, warning):
            return "plain"
    except consent.NotWishable:
        return "plain_call"  # the address was taken away while the page was open
    locked = queries.door(request.message.id).is_locked(timezone.now())
    return "plain_locked" if locked else "plain_wrong"


def _withdraw_plain_mail(request: PatientRequest) -> str:
    consent.withdraw_plain_mail(request.message.contact_id)
    return "protected"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@confirming_page()
def confirm(request: ConfirmingRequest) -> HttpResponse:
    """Looking at the page confirms nothing, and denies nothing: scanners follow links."""
    if request.method == "POST" and request.POST.get("what") == "deny":
        consent.deny_address(request.confirmation.id)
        return page(request, "denied")
    wording = words.CONFIRMATION[request.language].format(name=request.organization.name)
    if request.method == "POST" and request.POST.get("what") == "confirm":
        consent.confirm(request.confirmation.id, wording)
        return page(request, "confirmed")
    if request.confirmation.confirmed_at is not None:
        return page(request, "confirmed")
    return page(request, "confirm", wording=wording)
