"""What an open or a click is worth, and how a door in the portal opens and locks. Pure."""

from __future__ import annotations

import calendar
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

CODE_GOOD_FOR = timedelta(minutes=15)
CODES_AT_ONCE, CODES_PAUSE = 5, timedelta(hours=1)
"""So many codes may be asked for; the next one an hour after the last."""
TRIES, LOCKED_FOR = 5, timedelta(minutes=15)
GRANT_GOOD_FOR = timedelta(minutes=30)
"""How long a message, or a form, stays open to whoever was recognized."""
OFTEN = (1, 2, 4)
"""How many promotional mails a month somebody may choose at most."""
PAUSES = (1, 3, 6)
"""Months for which somebody may pause them."""


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last one."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class Verdict(StrEnum):
    """Who fetched a pixel or followed a link, as far as one can tell."""

    PERSON = "person"
    SCANNER = "scanner"
    PROXY = "proxy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request tells about its maker. None of it is stored."""

    method: str
    user_agent: str
    prefetch: bool
    since_accepted: timedelta | None


TOO_SOON = timedelta(seconds=2)
"""Security gateways follow every link before the mail reaches the inbox."""
_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
_PRIVACY_PROXY = re.compile(r"Mozilla/5\.0", re.IGNORECASE)
"""Apple's Mail Privacy Protection fetches every picture, read or not, and says just this."""
_MACHINES = re.compile(
    r"bot\b|crawl|spider|scan|preview|curl|wget|python|java/|okhttp|go-http|headless",
    re.IGNORECASE,
)


def judge(visit: Visit) -> tuple[Verdict, str]:
    """A verdict and the reason for it, as a code."""
    agent = visit.user_agent.strip()
    if visit.method != "GET":
        return Verdict.SCANNER, "head_request"
    if visit.prefetch:
        return Verdict.SCANNER, "prefetch"
    if visit.since_accepted is None or visit.since_accepted < TOO_SOON:
        return Verdict.SCANNER, "too_soon"
    if _PROXIES.search(agent):
        return Verdict.PROXY, "image_proxy"
    if _PRIVACY_PROXY.fullmatch(agent):
        return Verdict.UNKNOWN, "privacy_proxy"
    if not agent or _MACHINES.search(agent):
        return Verdict.SCANNER, "machine"
    return Verdict.PERSON, "browser"


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that nobody asked for this page yet."""
    names = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    return any("pre" in headers.get(name, "").casefold() for name in names)


def new_code() -> str:
    """Six digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


@dataclass(frozen=True, slots=True)
class Door:
    """How far a patient has got with one message."""

    code_asked_at: datetime | None = None
    codes_asked: int = 0
    wrong_tries: int = 0
    locked_until: datetime | None = None

    def is_locked(self, now: datetime) -> bool:
        return self.locked_until is not None and now < self.locked_until

    def awaits_code(self, now: datetime) -> bool:
        """Whether a code was asked for that may still be typed in."""
        return self.code_asked_at is not None and now < self.code_asked_at + CODE_GOOD_FOR

    def may_ask(self, now: datetime) -> bool:
        """Whether another code may be sent."""
        return not self.is_locked(now) and self._recently_asked(now) < CODES_AT_ONCE

    def after_asking(self, now: datetime) -> tuple[int, datetime]:
        """Codes asked for and the moment of the last, once this one is asked for."""
        return self._recently_asked(now) + 1, now

    def after_wrong_try(self, now: datetime) -> tuple[int, datetime | None]:
        """Wrong tries, and until when the door is locked. The count begins anew with a lock."""
        if self.wrong_tries + 1 < TRIES:
            return self.wrong_tries + 1, None
        return 0, now + LOCKED_FOR

    def _recently_asked(self, now: datetime) -> int:
        rested = self.code_asked_at is None or now >= self.code_asked_at + CODES_PAUSE
        return 0 if rested else self.codes_asked
