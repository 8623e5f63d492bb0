"""What an open or a click is worth. Pure; what a request tells of its maker is never stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """Who fetched a pixel or followed a link, as far as one can tell. Machines are counted apart,
    and never left out."""

    PERSON = "person"
    SCANNER = "scanner"
    PROXY = "proxy"
    UNKNOWN = "unknown"


class Visitor(StrEnum):
    """What headers say of a request's maker: all that is kept of them, and only until judged."""

    HEAD = "head_request"
    PREFETCH = "prefetch"
    GMAIL = "image_proxy"
    APPLE = "privacy_proxy"
    MACHINE = "machine"
    BROWSER = "browser"


_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
TELLING = ("User-Agent", *_PURPOSES)
"""The headers that tell whose request it is."""
TOO_SOON = timedelta(seconds=2)
"""Security gateways follow every link before the mail reaches the inbox."""
_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
_PRIVACY_PROXY = re.compile(r"Mozilla/5\.0", re.IGNORECASE)
"""Apple's Mail Privacy Protection fetches every picture, read or not, and says just this."""
_MACHINES = re.compile(
    r"bot\b|crawl|spider|scan|preview|curl|wget|python|java/|okhttp|go-http|headless",
    re.IGNORECASE,
)
_VERDICTS = {
    Visitor.HEAD: Verdict.SCANNER,
    Visitor.PREFETCH: Verdict.SCANNER,
    Visitor.GMAIL: Verdict.PROXY,
    Visitor.APPLE: Verdict.UNKNOWN,
    Visitor.MACHINE: Verdict.SCANNER,
    Visitor.BROWSER: Verdict.PERSON,
}


def visitor(method: str, headers: Mapping[str, str]) -> Visitor:
    """Whose request this looks like."""
    if method != "GET":
        return Visitor.HEAD
    if is_prefetch(headers):
        return Visitor.PREFETCH
    agent = headers.get("User-Agent", "").strip()
    if _PROXIES.search(agent):
        return Visitor.GMAIL
    if _PRIVACY_PROXY.fullmatch(agent):
        return Visitor.APPLE
    return Visitor.MACHINE if not agent or _MACHINES.search(agent) else Visitor.BROWSER


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that nobody asked for this page yet."""
    return any("pre" in headers.get(name, "").casefold() for name in _PURPOSES)


def judge(visitor: Visitor, since_accepted: timedelta | None) -> tuple[Verdict, str]:
    """A verdict and the reason for it, as a code. `since_accepted` is the time from the server's
    taking of the message to the visit; None where it has not taken it, as far as we know."""
    verdict = _VERDICTS[visitor]
    soon = since_accepted is None or since_accepted < TOO_SOON
    if soon and visitor not in (Visitor.HEAD, Visitor.PREFETCH):
        return Verdict.SCANNER, "too_soon"
    return verdict, visitor.value
