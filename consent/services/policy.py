"""Changing what an organization has decided for all of its mail."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from audit import services as audit
from consent import queries
from consent.models import ConsentPolicy, PackChoice
from consent.rules.packs import PACKS


@dataclass(frozen=True)
class Policy:
    """An organization's answers. `renew_before_days` is 0 where nobody is asked to renew."""

    confirm_addresses: bool
    fundraising_in_notice: bool
    reading_grade: float
    renew_before_days: int


def change_policy(wanted: Policy, by: UUID) -> ConsentPolicy:
    """Takes effect at the next decision."""
    row = queries.policy()
    for name, value in vars(wanted).items():
        setattr(row, name, value)
    row.changed_by, row.changed_at = by, timezone.now()
    row.save()
    audit.record("consent_policy_changed", object_type="consent_policy", object_id=row.id)
    return row


def turn_on(pack: str, by: UUID) -> None:
    """Put a state's stricter rules in force. Raises KeyError for a pack that does not exist."""
    version = PACKS[pack].version
    defaults = {"version": version, "turned_on_by": by}
    row, is_new = PackChoice.objects.get_or_create(pack=pack, turned_off_at=None, defaults=defaults)
    if is_new:
        audit.record("pack_turned_on", object_type="pack_choice", object_id=row.id, pack=pack)


def turn_off(pack: str, by: UUID) -> None:
    """End it from now on; what was decided under it stays as it is."""
    row = PackChoice.objects.filter(pack=pack, turned_off_at=None).first()
    if row is not None:
        row.turned_off_by, row.turned_off_at = by, timezone.now()
        row.save(update_fields=["turned_off_by", "turned_off_at"])
        audit.record("pack_turned_off", object_type="pack_choice", object_id=row.id, pack=pack)
