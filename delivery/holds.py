"""When a provider is given a rest, by what it says while we send. Pure; time is a parameter.

A refusal by a provider's own rules says nothing about the recipient, so it suppresses nobody; going
on would make it worse for everybody.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.transports.outcomes import Deferred, Outcome, RecipientRefused

SLOW_DOWN = timedelta(minutes=5)
BLOCKED = timedelta(hours=1)
REFUSALS, SHARE = 3, 0.1
"""So many refusals by a provider's rules, and at least this share of what it answered, are a block
rather than one mailbox's choice."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing more goes by a lane until then."""

    lane: str
    until: datetime
    reason: str


class Watch:
    """Looks at the outcomes of one chunk as they come."""

    def __init__(self) -> None:
        self._answers: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()

    def saw(self, lane: str, outcome: Outcome, now: datetime) -> Hold | None:
        """The hold that an outcome calls for."""
        self._answers[lane] += 1
        match outcome:
            case Deferred(kind="throttled"):
                return Hold(lane, now + SLOW_DOWN, "throttled")
            case Deferred(kind="greeting_refused"):
                return Hold(lane, now + BLOCKED, "greeting_refused")
            case RecipientRefused(kind="policy"):
                self._refusals[lane] += 1
                refused = self._refusals[lane]
                if refused >= REFUSALS and refused >= SHARE * self._answers[lane]:
                    return Hold(lane, now + BLOCKED, "policy")
        return None
