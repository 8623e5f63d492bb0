"""When somebody is asked to sign again before an authorization ends: twice at most."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

REMIND_FROM = timedelta(days=10)
REMIND_UNTIL = timedelta(days=7)
"""The reminder goes between these times before the end: a week before it at the latest."""
REST = timedelta(days=3)
"""Between asking and reminding."""


class Step(StrEnum):
    NOTHING = "nothing"
    ASK = "ask"
    REMIND = "remind"


@dataclass(frozen=True, slots=True)
class Asked:
    """An earlier request to renew. `is_open` says whether it still waits for an answer."""

    at: datetime
    is_open: bool
    reminded_at: datetime | None = None


def renewal_step(
    expires_at: datetime, asked: Asked | None, before_days: int, now: datetime
) -> Step:
    """What to do now about an authorization that nothing newer has replaced.

    `before_days` is how many days before the end the person is asked; 0 for never.
    """
    left = expires_at - now
    if not before_days or left <= timedelta(0) or left > timedelta(days=before_days):
        return Step.NOTHING
    if asked is None:
        return Step.ASK
    in_time = REMIND_UNTIL <= left <= REMIND_FROM and now - asked.at >= REST
    if asked.is_open and asked.reminded_at is None and in_time:
        return Step.REMIND
    return Step.NOTHING
