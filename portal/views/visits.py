"""The pixel and the links of a mail. Thousands a second come after a large mailing, so what they
tell is handed over to be stored later, and neither waits for it."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import redis
import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from delivery import tracking
from delivery.queries.destinations import destination
from delivery.tokens import LinkPurpose
from delivery.visits import TELLING, visitor
from encryption.public_tokens import PublicTokens, UnknownToken
from portal import queries
from portal.access import unknown_page
from tenancy.current import acting_for
from tenancy.keys import public_tokens
from tenancy.models import new_id

log = structlog.get_logger(__name__)
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
KEPT_SECONDS = 60


_ADDRESS = re.compile(r"/([a-z2-9]{10})/(?:open/([-\w]+)|click/([-\w]+)/([0-9]{1,4}))", re.ASCII)
_TELLING = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in TELLING}
"""Headers by the names that WSGI has for them: `request.headers` reads them all."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}


class VisitsFirst:
    """Middleware that answers pixels and links before whatever sees to sessions, languages and
    sign-in: that takes ten times as long. What it can't answer goes the usual way, to the same
    views; so it needs only what sees to TLS and headers before it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = _ADDRESS.fullmatch(request.path_info)
        if found is None or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        code, opened, clicked, number = found.groups()
        answer = _opened(request, code, opened) if opened else None
        if clicked:
            answer = _clicked(request, code, clicked, int(number))
        return answer or self.get_response(request)


@require_safe
def opened(request: HttpRequest, code: str, token: str) -> HttpResponse:
    """The pixel."""
    return _opened(request, code, token) or unknown_page(request)


@require_safe
def clicked(request: HttpRequest, code: str, token: str, number: int) -> HttpResponse:
    """On to a link's stored destination; the address carries none, so it can't be made to."""
    return _clicked(request, code, token, number) or unknown_page(request)


def _opened(request: HttpRequest, code: str, token: str) -> HttpResponse | None:
    found = _read(code, LinkPurpose.OPEN, token)
    if found is None:
        return None
    _hand_over(request, found, "opened")
    length = str(len(PIXEL))
    return HttpResponse(
        PIXEL, content_type="image/gif", headers={"Content-Length": length, **_HEADERS}
    )


def _clicked(request: HttpRequest, code: str, token: str, number: int) -> HttpResponse | None:
    found = _read(code, LinkPurpose.CLICK, token)
    if found is None:
        return None
    target = destination(found.organization.id, found.message_id, number)
    if target is None:
        return None
    _hand_over(request, found, "clicked", number)
    return HttpResponseRedirect(target, headers={"Content-Length": "0", **_HEADERS})


@dataclass(frozen=True, slots=True)
class _Organization:
    id: UUID
    tracking: bool
    tokens: PublicTokens


@dataclass(frozen=True, slots=True)
class _Found:
    organization: _Organization
    message_id: UUID


_kept: dict[str, tuple[float, _Organization]] = {}


def _read(code: str, purpose: LinkPurpose, token: str) -> _Found | None:
    """What an address names, if it is one of ours. That a token can be read proves that we made it,
    so no row has to be looked up."""
    organization = _organization(code)
    if organization is None:
        return None
    try:
        return _Found(organization, organization.tokens.read(purpose.value, token))
    except UnknownToken:
        return None


def _organization(code: str) -> _Organization | None:
    """Whose links carry this code; remembered for a minute."""
    kept = _kept.get(code)
    if kept is not None and kept[0] > time.monotonic():
        return kept[1]
    found = queries.organization_of(code)
    if found is None:
        return None
    with acting_for(found.id):
        organization = _Organization(found.id, found.tracking, public_tokens())
    _kept[code] = time.monotonic() + KEPT_SECONDS, organization
    return organization


def _hand_over(request: HttpRequest, found: _Found, kind: str, link: int | None = None) -> None:
    """A picture or a link must work even when nothing can be noted."""
    if not found.organization.tracking:
        return
    told = {name: request.META[key] for name, key in _TELLING.items() if key in request.META}
    who = visitor(request.method or "", told)
    try:
        tracking.append(
            tracking.Visit(
                new_id(),
                found.organization.id,
                found.message_id,
                kind,
                who,
                timezone.now(),
                link,
            )
        )
    except redis.RedisError:
        log.warning("visit_not_recorded", message=str(found.message_id), kind=kind)
