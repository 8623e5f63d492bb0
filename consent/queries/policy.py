"""What an organization has decided for all of its mail."""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

from consent import models
from consent.rules.packs import PACKS, Pack
from tenancy.bulk import rows
from tenancy.current import current_organization_id
from tenancy.models import Organization


def organization() -> Organization:
    """The organization in force."""
    return Organization.objects.get(id=current_organization_id())


def policy() -> models.ConsentPolicy:
    """The organization's policy; with the defaults, unsaved, until somebody changes it."""
    return models.ConsentPolicy.objects.first() or models.ConsentPolicy()


class InForce(NamedTuple):
    """What every decision asks of the organization."""

    zone: ZoneInfo
    fundraising_in_notice: bool
    confirm_addresses: bool
    packs: tuple[Pack, ...]


def in_force() -> InForce:
    """The same as `organization`, `policy` and `packs` say, in one query."""
    ((zone, in_notice, confirm, chosen),) = rows(_IN_FORCE, id=current_organization_id())
    by_key = tuple(PACKS[key] for key in sorted(chosen))
    return InForce(ZoneInfo(zone), bool(in_notice), bool(confirm), by_key)


_IN_FORCE = """
    SELECT time_zone, fundraising_in_notice, confirm_addresses,
        ARRAY(SELECT pack FROM consent_packchoice WHERE turned_off_at IS NULL)
    FROM tenancy_organization o LEFT JOIN consent_consentpolicy p ON p.organization_id = o.id
    WHERE o.id = %(id)s
"""


def packs() -> tuple[Pack, ...]:
    """The state packs in force, by key."""
    chosen = models.PackChoice.objects.filter(turned_off_at=None)
    return tuple(PACKS[key] for key in sorted(chosen.values_list("pack", flat=True)))


def pack_choices() -> list[models.PackChoice]:
    """When which pack was turned on and off, the latest first."""
    return list(models.PackChoice.objects.order_by("-turned_on_at"))
