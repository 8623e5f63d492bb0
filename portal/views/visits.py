"""The pixel and the links of a mail. Thousands a second come after a large mailing, so what they
tell is handed over to be stored later, and neither waits for it."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from django.views.decorators.http import require_safe

from delivery import tracking
from delivery.queries.destinations import destination, known_destination
from delivery.tokens import LinkPurpose
from delivery.visits import TELLING, visitor
from encryption.public_tokens import PublicTokens, UnknownToken
from portal import queries
from portal.access import unknown_page
from tenancy.current import acting_for
from tenancy.keys import public_tokens
from tenancy.models import new_id

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
KEPT_SECONDS = 60


_ADDRESS = re.compile(r"/([a-z2-9]{10})/(?:open/([-\w]+)|click/([-\w]+)/([0-9]{1,4}))", re.ASCII)
_TELLING = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in TELLING}
"""Headers by the names that WSGI has for them: `request.headers` reads them all."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}
_PIXEL_HEADERS = {"Content-Type": "image/gif", "Content-Length": str(len(PIXEL)), **_HEADERS}
_LINK_HEADERS = {"Content-Length": "0", **_HEADERS}

Headers = Iterable[tuple[str, str]]


class VisitsFirst:
    """WSGI middleware that answers pixels and links before Django sees them: making a request, a
    response and what surrounds them takes several times as long.

    It answers what it can from memory. Everything else goes the usual way, to the views of the same
    addresses, which remember what they looked up. `headers_of_every_page` gives them, told whether
    the request came over TLS.
    """

    def __init__(
        self, application: WSGIApplication, headers_of_every_page: Callable[[bool], Headers]
    ) -> None:
        self._application = application
        self._headers_of_every_page = headers_of_every_page

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = _from_memory(environ)
        if answer is None:
            return self._application(environ, start_response)
        status, headers, body = answer
        everywhere = self._headers_of_every_page(_is_secure(environ))
        start_response(status, [*everywhere, *headers.items()])
        return [body]


def _from_memory(environ: WSGIEnvironment) -> tuple[str, dict[str, str], bytes] | None:
    """Status, headers and body; None for what is no visit, or has to be looked up."""
    address = _ADDRESS.fullmatch(environ["PATH_INFO"])
    if address is None or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    if settings.SECURE_SSL_REDIRECT and not _is_secure(environ):
        return None
    code, pixel, link, number = address.groups()
    organization = _remembered(code)
    purpose, token = (LinkPurpose.OPEN, pixel) if pixel else (LinkPurpose.CLICK, link)
    message_id = _read(organization, purpose, token)
    if organization is None or message_id is None:
        return None
    if pixel:
        _hand_over(environ, organization, message_id, "opened")
        return "200 OK", _PIXEL_HEADERS, PIXEL
    target = known_destination(organization.id, message_id, int(number))
    if target is None:
        return None
    _hand_over(environ, organization, message_id, "clicked", int(number))
    return "302 Found", {"Location": iri_to_uri(target), **_LINK_HEADERS}, b""


def _is_secure(environ: WSGIEnvironment) -> bool:
    """As `HttpRequest.is_secure` has it."""
    name, secure = settings.SECURE_PROXY_SSL_HEADER or ("", "")
    told = environ.get(name)
    if told is None:
        return bool(environ["wsgi.url_scheme"] == "https")
    return bool(told.partition(",")[0].strip() == secure)


@require_safe
def opened(request: HttpRequest, code: str, token: str) -> HttpResponse:
    """The pixel."""
    organization = _organization(code)
    message_id = _read(organization, LinkPurpose.OPEN, token)
    if organization is None or message_id is None:
        return unknown_page(request)
    _hand_over(request.META, organization, message_id, "opened")
    return HttpResponse(PIXEL, headers=_PIXEL_HEADERS)


@require_safe
def clicked(request: HttpRequest, code: str, token: str, number: int) -> HttpResponse:
    """On to a link's stored destination; the address carries none, so it can't be made to."""
    organization = _organization(code)
    message_id = _read(organization, LinkPurpose.CLICK, token)
    if organization is None or message_id is None:
        return unknown_page(request)
    target = destination(organization.id, message_id, number)
    if target is None:
        return unknown_page(request)
    _hand_over(request.META, organization, message_id, "clicked", number)
    return HttpResponseRedirect(target, headers=_LINK_HEADERS)


@dataclass(frozen=True, slots=True)
class _Organization:
    id: UUID
    tracking: bool
    tokens: PublicTokens


def _read(organization: _Organization | None, purpose: LinkPurpose, token: str) -> UUID | None:
    """The message that an address names, if it is one of ours. That a token can be read proves that
    we made it, so no row has to be looked up."""
    if organization is None:
        return None
    try:
        return organization.tokens.read(purpose.value, token)
    except UnknownToken:
        return None


_kept: dict[str, tuple[float, _Organization]] = {}


def _remembered(code: str) -> _Organization | None:
    """Whose links carry this code, if that was looked up within the last minute."""
    kept = _kept.get(code)
    return kept[1] if kept is not None and kept[0] > time.monotonic() else None


def _organization(code: str) -> _Organization | None:
    """Whose links carry this code."""
    kept = _remembered(code)
    if kept is not None:
        return kept
    found = queries.organization_of(code)
    if found is None:
        return None
    with acting_for(found.id):
        organization = _Organization(found.id, found.tracking, public_tokens())
    _kept[code] = time.monotonic() + KEPT_SECONDS, organization
    return organization


def _hand_over(
    environ: Mapping[str, Any],
    organization: _Organization,
    message_id: UUID,
    kind: str,
    link: int | None = None,
) -> None:
    if not organization.tracking:
        return
    told = {name: environ[key] for name, key in _TELLING.items() if key in environ}
    who = visitor(environ["REQUEST_METHOD"], told)
    tracking.append(
        tracking.Visit(new_id(), organization.id, message_id, kind, who, timezone.now(), link)
    )
