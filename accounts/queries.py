"""Who belongs where."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from accounts.models import Membership, User
from accounts.rules import Permission, Role, allows
from tenancy.current import acting_as
from tenancy.models import Organization


@dataclass(frozen=True)
class Entrance:
    """A person's place in an organization that they may enter."""

    organization: Organization
    role: Role

    def allows(self, permission: Permission) -> bool:
        return allows(self.role, permission)


def entrances(user_id: UUID) -> list[Entrance]:
    """Every organization that the person belongs to, by name."""
    with acting_as(user_id):
        rows = list(
            Membership.everywhere.filter(user_id=user_id, is_active=True)
            .select_related("organization")
            .order_by("organization__name")
        )
    return [Entrance(row.organization, Role(row.role)) for row in rows]


def entrance(user_id: UUID, slug: str) -> Entrance | None:
    """The person's place in this organization; None for a stranger and for a wrong name alike."""
    found = [place for place in entrances(user_id) if place.organization.slug == slug]
    return found[0] if found else None


def members() -> list[Membership]:
    """The current organization's staff."""
    return list(Membership.objects.select_related("user").order_by("user__name"))


def member_by_id(membership_id: UUID) -> Membership | None:
    """One of the current organization's staff."""
    found: Membership | None = (
        Membership.objects.select_related("user").filter(id=membership_id).first()
    )
    return found


def names(user_ids: set[UUID]) -> dict[UUID, str]:
    """Names of users by id, for pages that show who did something."""
    return dict(User.objects.filter(id__in=user_ids).values_list("id", "name"))


def addresses_of(role: Role) -> list[str]:
    """The email addresses of this organization's members with a role."""
    members = Membership.objects.filter(role=role.value, is_active=True)
    return list(members.order_by("user__email").values_list("user__email", flat=True))
