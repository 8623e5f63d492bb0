"""How many messages a day a new sending domain may send to one provider. Pure.

Providers distrust a domain that nobody knew yesterday and that sends thousands today. So it begins
with a few hundred, and may send half as many again after each day on which all was well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FIRST_DAY, GROWTH = 200, 1.5
ENOUGH = 50_000
"""A domain that may send so many a day is known by now: there is no limit any more."""
TROUBLE = 0.001
"""Deferrals and complaints beyond this share of a day's messages say: not more for now."""


@dataclass(frozen=True, slots=True)
class Day:
    """What a domain sent to one provider on one day."""

    sent: int
    deferred: int = 0
    complained: int = 0

    @property
    def went_well(self) -> bool:
        """Whether the provider took it without a word. One message in a few says nothing."""
        troubles = max(self.deferred, self.complained)
        return self.sent > 0 and (troubles <= 1 or troubles <= TROUBLE * self.sent)


def allowance(days_before: Sequence[Day]) -> int | None:
    """How many messages may go today, after these days; None for as many as there are."""
    well = sum(day.went_well for day in days_before)
    today = int(FIRST_DAY * GROWTH**well)
    return None if today >= ENOUGH else today
