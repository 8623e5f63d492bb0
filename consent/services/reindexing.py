"""Wishes stand under the blind token of an address. While the index key rotates, they stand under
every token that their person may be found by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar
from uuid import UUID

from consent.models import AddressConfirmation, PlainMailWish
from consent.queries import CONFIRMATION_TABLE
from contacts import queries as contacts
from tenancy.keys import keyring
from tenancy.models import KeyUse
from tenancy.walks import Step, Walker

ROWS_AT_ONCE = 500

Row = TypeVar("Row", AddressConfirmation, PlainMailWish)


def adding(model: type[Row], copied: Callable[[Row, UUID, str], Row]) -> Walker:
    """Before contacts take new tokens: a copy under each."""

    def step(_subject: str, after: UUID | None) -> Step:
        rows = _next(model, after)
        copies = [
            copied(row, token, address)
            for row, address in _at_present(rows)
            for token in contacts.address_tokens(address)
            if token != row.address_token
        ]
        model.objects.bulk_create(copies, ignore_conflicts=True)
        return Step(len(rows), rows[-1].id if rows else None)

    return Walker(lambda _subject: int(model.objects.count()), step)


def moving(model: type[Row]) -> Walker:
    """After contacts took them: the row itself moves, so that links to it still work, and its copy
    goes."""

    def step(_subject: str, after: UUID | None) -> Step:
        rows = _next(model, after)
        for row, address in _at_present(rows):
            token = contacts.address_token(address)
            if row.address_token != token:
                same = model.objects.filter(contact_id=row.contact_id, address_token=token)
                same.delete()
                model.objects.filter(id=row.id).update(address_token=token)
        return Step(len(rows), rows[-1].id if rows else None)

    return Walker(lambda _subject: int(model.objects.count()), step)


def confirmation_under(row: AddressConfirmation, token: UUID, address: str) -> AddressConfirmation:
    """A copy that waits for no letter of its own."""
    kept = ("contact_id", "wording", "channel", "asked_by", "asked_at", "sent_at", "confirmed_at")
    copy = AddressConfirmation(address_token=token, **{name: getattr(row, name) for name in kept})
    ring = keyring(KeyUse.AUTHORIZATION)
    copy.sealed_address = ring.seal(address.encode(), CONFIRMATION_TABLE, copy.id)
    return copy


def wish_under(row: PlainMailWish, token: UUID, _address: str) -> PlainMailWish:
    kept = ("contact_id", "warning", "channel", "recorded_by", "given_at", "withdrawn_at")
    return PlainMailWish(address_token=token, **{name: getattr(row, name) for name in kept})


def _next(model: type[Row], after: UUID | None) -> list[Row]:
    """Locked: a wish that is withdrawn meanwhile is withdrawn under its new tokens too."""
    rows = model.objects.select_for_update().order_by("id")
    if model is PlainMailWish:
        rows = rows.filter(withdrawn_at=None)
    return list((rows.filter(id__gt=after) if after else rows)[:ROWS_AT_ONCE])


def _at_present(rows: list[Row]) -> Iterator[tuple[Row, str]]:
    """Rows about the address that their person has now, with it. Others matter to nobody."""
    people = contacts.opened({row.contact_id for row in rows})
    for row in rows:
        person = people.get(row.contact_id)
        address = person.email if person else None
        if address and row.address_token in contacts.address_tokens(address):
            yield row, address
