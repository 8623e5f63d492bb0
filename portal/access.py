"""The one way into the portal's pages: a link out of a mail, which names a message."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from delivery.models import Message
from delivery.queries import message_of_token
from delivery.tokens import LinkPurpose
from encryption.public_tokens import UnknownToken
from portal import queries
from tenancy.current import acting_for
from tenancy.models import Organization

Arguments = ParamSpec("Arguments")


class PatientRequest(HttpRequest):
    """A request by whoever holds a link. `language` is the page's."""

    organization: Organization
    message: Message
    language: str
    token: str


View = Callable[Concatenate[PatientRequest, Arguments], HttpResponse]


def public_page(
    purpose: LinkPurpose,
) -> Callable[[View[Arguments]], Callable[..., HttpResponse]]:
    """Guard a view under `/<organization's code>/<purpose>/<token>`.

    An unknown code, a forged token and one for another purpose or organization lead to the same
    page. The view runs in one transaction of the organization.
    """

    def decorate(view: View[Arguments]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, code: str, token: str, **kwargs: Any) -> HttpResponse:
            organization = queries.organization_of(code)
            if organization is None:
                return unknown_page(request)
            with acting_for(organization.id):
                message = _message(purpose, token)
                if message is None:
                    return unknown_page(request)
                patient = cast(PatientRequest, request)
                patient.organization, patient.message, patient.token = organization, message, token
                patient.language = _language(request, queries.language_of(message))
                return cast(Any, view)(patient, **kwargs)  # type: ignore[no-any-return]

        return guarded

    return decorate


def _message(purpose: LinkPurpose, token: str) -> Message | None:
    try:
        return message_of_token(purpose, token)
    except UnknownToken:
        return None


def _language(request: HttpRequest, usual: str) -> str:
    chosen = request.GET.get("lang", usual)
    return chosen if chosen in queries.LANGUAGES else usual


def page(request: PatientRequest, name: str, **context: object) -> HttpResponse:
    """A page in the patient's language."""
    context |= {"organization": request.organization, "token": request.token}
    return _page(request, name, request.language, context)


def unknown_page(request: HttpRequest) -> HttpResponse:
    """What every link that leads nowhere shows, in the browser's language."""
    browser = (translation.get_language() or "")[:2]
    return _page(request, "unknown", _language(request, browser or "en"), {}, status=404)


def _page(
    request: HttpRequest, name: str, language: str, context: dict[str, object], status: int = 200
) -> HttpResponse:
    language = language if language in queries.LANGUAGES else queries.LANGUAGES[0]
    with translation.override(language):
        response = render(request, f"portal/{language}/{name}.html", context, status=status)
    response.headers["Content-Language"] = language
    return response
