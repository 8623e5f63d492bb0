"""Which organization, and which user, the present transaction acts for.

The database decides what is visible (row-level security reads these settings); Python only makes
forgetting them an error instead of an empty page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.db import connection, transaction

_organization: ContextVar[UUID | None] = ContextVar("organization", default=None)


class NoOrganization(RuntimeError):
    """A tenant's table was used outside `acting_for`."""


def current_organization_id() -> UUID:
    """The organization in force. Raises `NoOrganization` if there is none."""
    organization_id = _organization.get()
    if organization_id is None:
        raise NoOrganization("no organization is set: wrap this in tenancy.current.acting_for(...)")
    return organization_id


@contextmanager
def acting_for(organization_id: UUID) -> Iterator[None]:
    """One transaction (or savepoint) in which this organization's rows are visible.

    `SET LOCAL` outlives an inner atomic block, so the previous value is put back on leaving one.
    After an exception the roll-back restores it by itself, as the end of a transaction does.
    """
    token = _organization.set(organization_id)
    previous = token.old_value if isinstance(token.old_value, UUID) else None
    is_inner = connection.in_atomic_block
    try:
        with transaction.atomic():
            _set_local("app.organization", str(organization_id))
            yield
            if is_inner:
                _set_local("app.organization", str(previous or ""))
    finally:
        _organization.reset(token)


@contextmanager
def acting_as(user_id: UUID) -> Iterator[None]:
    """One transaction in which a person's own memberships are visible, in every organization."""
    with transaction.atomic():
        _set_local("app.user", str(user_id))
        yield
        _set_local("app.user", "")


def _set_local(name: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
