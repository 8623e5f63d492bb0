"""Signing a form: first the date of birth, then reading and signing. Saying no to it, and taking it
back, take the link alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from consent.queries import RequestStanding, standing_of
from consent.rules import words
from consent.rules.authorization import Signer
from consent.services import NotSignable, decline, recognizes
from portal import queries, services
from portal.access import SigningPageRequest, page, signing_page
from portal.forms import BirthDateForm, SignForm
from portal.queries import ShownForm
from portal.rules import GRANT_GOOD_FOR


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@signing_page()
def sign(request: SigningPageRequest) -> HttpResponse:
    """Only POST acts. Exempt from the check of forgeries, as unsubscribing is: no cookie lends a
    request any power here, and whoever knows the token and the date of birth may sign anyway."""
    if request.method == "POST":
        acts = {"show": _show, "sign": _sign, "decline": _decline, "revoke": _revoke}
        act = acts.get(request.POST.get("what", ""))
        return act(request) if act else _back(request)
    return _standing(request)


def _standing(request: SigningPageRequest, problem: str = "") -> HttpResponse:
    """The page for how the request stands, without the form's text: that may tell a diagnosis, so
    the date of birth is asked for first."""
    standing = standing_of(request.asked, timezone.now())
    if standing is RequestStanding.SIGNED:
        return _signed(request, problem=problem)
    if standing is RequestStanding.ENDED:
        return page(request, "sign_ended")
    if standing is RequestStanding.DECLINED and not _wants_it_again(request):
        return page(request, "sign_declined")
    if not queries.knows_birth_date(request.asked.contact_id):
        return page(request, "sign_call")
    return page(request, "sign_door", form=BirthDateForm(_dated(request)), problem=problem)


def _wants_it_again(request: SigningPageRequest) -> bool:
    return request.method == "POST" or "again" in request.GET


def _dated(request: SigningPageRequest) -> Any:
    """What was typed in, so that it is not lost."""
    return request.POST if request.POST.get("what") == "show" else None


def _show(request: SigningPageRequest) -> HttpResponse:
    """The text, to whoever was recognized: before signing with the form, later to read it."""
    if _is_shown(request):
        return _text(request)
    form = BirthDateForm(request.POST)
    if not form.is_valid():
        return _standing(request, "incomplete")
    try:
        known = recognizes(request.asked.id, form.cleaned_data["birth_date"])
    except NotSignable:
        return _standing(request)
    if not known:
        request.asked.refresh_from_db()
        return _standing(request, "wrong")
    return _text(request)


def _text(request: SigningPageRequest) -> HttpResponse:
    match standing_of(request.asked, timezone.now()):
        case RequestStanding.SIGNED:
            return _signed(request, with_text=True)
        case RequestStanding.ENDED:
            return _standing(request)
    return _form(request, SignForm(), _shown(request))


def _is_shown(request: SigningPageRequest) -> bool:
    """Whether the page that was sent in is one that was shown to somebody recognized, not long
    ago. Said by a signed value in the page itself: that needs neither a cookie nor a script."""
    try:
        row = _SIGNER.unsign(request.POST.get("shown", ""), max_age=GRANT_GOOD_FOR)
    except BadSignature:
        return False
    return bool(row == str(request.asked.id))


_SIGNER = TimestampSigner(salt="portal.sign")


def _form(
    request: SigningPageRequest, form: SignForm, text: ShownForm, problem: str = ""
) -> HttpResponse:
    return page(
        request,
        "sign",
        form=form,
        text=text,
        problem=problem,
        shown=_SIGNER.sign(str(request.asked.id)),
        act=words.ACT[request.language],
        statement=words.STATEMENT[request.language],
    )


def _sign(request: SigningPageRequest) -> HttpResponse:
    if not _is_shown(request):
        return _standing(request, "rested")
    standing = standing_of(request.asked, timezone.now())
    if standing in (RequestStanding.SIGNED, RequestStanding.ENDED):
        return _text(request)
    form, text = SignForm(request.POST), _shown(request)
    if not form.is_valid():
        return _form(request, form, text, "incomplete")
    data = form.cleaned_data
    if data["text_digest"] != text.digest:
        return _form(request, form, text, "changed")
    on_page = services.SignedOnPage(
        signer=Signer(data["signer"]),
        name=data["name"],
        authority=data["authority"],
        form=text.form,
        page_language=request.language,
    )
    with suppress(NotSignable):  # the page says that it is over
        services.sign(request.asked, on_page)
    request.asked.refresh_from_db()
    return _text(request)


def _decline(request: SigningPageRequest) -> HttpResponse:
    decline(request.asked.id)
    return _back(request)


def _revoke(request: SigningPageRequest) -> HttpResponse:
    """On receipt; nobody is asked twice, as nobody was for signing."""
    if request.asked.authorization_id is not None:
        services.revoke_authorization(request.asked.contact_id, request.asked.authorization_id)
    return _back(request)


def _signed(
    request: SigningPageRequest, with_text: bool = False, problem: str = ""
) -> HttpResponse:
    authorization = request.asked.authorization
    if authorization is None:
        return page(request, "sign_ended")
    return page(
        request,
        "signed",
        signed=queries.signed_page(authorization.id, request.asked.contact_id),
        text=queries.shown_form(request.asked.version, authorization.language)
        if with_text
        else None,
        form=BirthDateForm(_dated(request)),
        can_be_recognized=queries.knows_birth_date(request.asked.contact_id),
        problem=problem,
    )


def _shown(request: SigningPageRequest) -> ShownForm:
    """The person's language first, unless another one was chosen."""
    chosen, own = request.GET.get("lang", ""), request.asked.contact.language
    return queries.shown_form(request.asked.version, chosen or own, own)


def _back(request: SigningPageRequest) -> HttpResponse:
    """To the page for how things stand now, in the same language."""
    language = request.GET.get("lang")
    return redirect(f"{request.path}?lang={language}" if language else request.path)
