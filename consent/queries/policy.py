"""What an organization has decided for all of its mail."""

from __future__ import annotations

from consent import models
from consent.rules.packs import PACKS, Pack
from tenancy.current import current_organization_id
from tenancy.models import Organization


def organization() -> Organization:
    """The organization in force."""
    return Organization.objects.get(id=current_organization_id())


def policy() -> models.ConsentPolicy:
    """The organization's policy; with the defaults, unsaved, until somebody changes it."""
    return models.ConsentPolicy.objects.first() or models.ConsentPolicy()


def packs() -> tuple[Pack, ...]:
    """The state packs in force, by key."""
    chosen = models.PackChoice.objects.filter(turned_off_at=None)
    return tuple(PACKS[key] for key in sorted(chosen.values_list("pack", flat=True)))


def pack_choices() -> list[models.PackChoice]:
    """When which pack was turned on and off, the latest first."""
    return list(models.PackChoice.objects.order_by("-turned_on_at"))
