"""How a door in the portal opens and locks, and what patients may choose. Pure."""

from __future__ import annotations

import calendar
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta

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
