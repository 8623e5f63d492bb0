"""One person's page: what they may be sent, and the scans of what they signed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from consent import models
from consent.queries.permits import facts, with_policy
from consent.queries.policy import organization, packs
from consent.rules.decision import Decision, Regime, decide
from consent.rules.purposes import Information, Purpose, Remuneration, Use


def outlook(contact_id: UUID, now: datetime) -> list[tuple[Purpose, Decision]]:
    """What one person may be sent now: the decision for each purpose, where nobody pays and the
    message uses no more than who is written to. The facts are the same for all of them."""
    here = now.astimezone(ZoneInfo(organization().time_zone))
    regime = Regime(packs())
    use = Use(Purpose.APPOINTMENT, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
    use = with_policy(use)
    person = facts(use, [contact_id], here, bool(regime.packs))[contact_id]
    return [
        (purpose, decide(replace(use, purpose=purpose), person, here, regime))
        for purpose in Purpose
    ]


def scans_of(contact_id: UUID) -> dict[UUID, list[models.Scan]]:
    """The scans of what a person signed, without their content, by authorization."""
    rows = models.Scan.objects.filter(authorization__contact_id=contact_id).defer("sealed")
    found: defaultdict[UUID, list[models.Scan]] = defaultdict(list)
    for row in rows.order_by("added_at"):
        found[row.authorization_id].append(row)
    return dict(found)
