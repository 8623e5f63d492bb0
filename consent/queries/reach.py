"""How many of some people may be mailed: a forecast for whoever builds a segment."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from consent.queries.permits import decisions
from consent.rules.decision import Verdict
from consent.rules.purposes import Information, Purpose, Remuneration, Use, information_of
from contacts.rules.fields import Field


def reachable(
    contact_ids: Collection[UUID], purpose: str, fields: Collection[Field], now: datetime
) -> int:
    """How many people may be mailed for a purpose, unpaid, when they are chosen by these fields."""
    information = {information_of(field) for field in fields} or {Information.DEMOGRAPHIC}
    use = Use(Purpose(purpose), Remuneration.NONE, frozenset(information))
    made = decisions(use, contact_ids, now).values()
    return sum(1 for each in made if each.verdict is Verdict.PERMIT)
