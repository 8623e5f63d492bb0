"""The one way into the portal's pages: a link out of a mail, which names one row of ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from consent.queries import confirmation_of_token, request_of_token
from consent.rules.words import LANGUAGES, page_language
from delivery.models import Message
from delivery.queries import message_of_token
from delivery.tokens import LinkPurpose
from encryption.public_tokens import UnknownToken
from portal import queries
from tenancy.current import acting_for
from tenancy.models import Organization

if TYPE_CHECKING:
    from consent.models import AddressConfirmation, SigningRequest

Arguments = ParamSpec("Arguments")


class PublicRequest(HttpRequest):
    """A request by whoever holds a link. `language` is the page's."""

    organization: Organization
    language: str
    token: str


class PatientRequest(PublicRequest):
    """The link leads to a message."""

    message: Message


class SigningPageRequest(PublicRequest):
    """The link leads to a form that somebody is asked to sign."""

    asked: SigningRequest


class ConfirmingRequest(PublicRequest):
    """The link leads to the question whether an address is right."""

    confirmation: AddressConfirmation


Request = TypeVar("Request", bound=PublicRequest)
View = Callable[Concatenate[Request, Arguments], HttpResponse]
Guarded = Callable[..., HttpResponse]


def public_page(purpose: LinkPurpose) -> Callable[[View[PatientRequest, Arguments]], Guarded]:
    """Guard a view under `/<organization's code>/<purpose>/<token>` whose token names a message."""
    return _guard("message", lambda token: message_of_token(purpose, token))


def signing_page() -> Callable[[View[SigningPageRequest, Arguments]], Guarded]:
    """Guard a view whose token names a request to sign."""
    return _guard("asked", request_of_token)


def confirming_page() -> Callable[[View[ConfirmingRequest, Arguments]], Guarded]:
    """Guard a view whose token names a question whether an address is right."""
    return _guard("confirmation", confirmation_of_token)


def _guard(name: str, find: Callable[[str], Any]) -> Callable[[View[Any, Arguments]], Guarded]:
    """An unknown code, a forged token and one for another purpose or organization lead to the same
    page. The view runs in one transaction of the organization, and finds the row under `name`.
    """

    def decorate(view: View[Any, Arguments]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, code: str, token: str, **kwargs: Any) -> HttpResponse:
            organization = queries.organization_of(code)
            if organization is None:
                return unknown_page(request)
            with acting_for(organization.id):
                try:
                    found = find(token)
                except UnknownToken:
                    found = None
                if found is None:
                    return unknown_page(request)
                visitor = cast(PublicRequest, request)
                visitor.organization, visitor.token = organization, token
                visitor.language = _language(request, page_language(found.contact.language))
                setattr(visitor, name, found)
                return cast(Any, view)(visitor, **kwargs)  # type: ignore[no-any-return]

        return guarded

    return decorate


def _language(request: HttpRequest, usual: str) -> str:
    chosen = request.GET.get("lang", usual)
    return chosen if chosen in LANGUAGES else usual


def page(request: PublicRequest, name: str, status: int = 200, **context: object) -> HttpResponse:
    """A page in the patient's language."""
    context |= {"organization": request.organization, "token": request.token}
    return _page(request, name, request.language, context, status)


def unknown_page(request: HttpRequest) -> HttpResponse:
    """What every link that leads nowhere shows, in the browser's language."""
    browser = (translation.get_language() or "")[:2]
    return _page(request, "unknown", _language(request, browser or "en"), {}, status=404)


def _page(
    request: HttpRequest, name: str, language: str, context: dict[str, object], status: int = 200
) -> HttpResponse:
    language = language if language in LANGUAGES else LANGUAGES[0]
    with translation.override(language):
        response = render(request, f"portal/{language}/{name}.html", context, status=status)
    response.headers["Content-Language"] = language
    return response
