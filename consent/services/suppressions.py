"""Addresses that must be left alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from audit import services as audit
from consent.models import Suppression
from consent.rules.decision import SuppressionReason, SuppressionScope
from contacts import queries as contacts
from encryption.cipher import CannotOpen
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse, new_id
from tenancy.walks import Step

SUPPRESSION_TABLE = "consent_suppression"
SUPPRESSIONS_AT_ONCE = 1_000

log = structlog.get_logger()


def suppress(
    address: str,
    scope: SuppressionScope,
    reason: SuppressionReason,
    source: str,
    by: UUID | None = None,
) -> Suppression:
    """Stop mail to an address. Asked twice, it stands once."""
    added = _add([address], scope, reason, source, by)
    standing: Suppression = Suppression.objects.get(
        address_token=contacts.address_token(address),
        scope=scope.value,
        reason=reason.value,
        lifted_at=None,
    )
    if added:
        audit.record(
            "address_suppressed",
            object_type="suppression",
            object_id=standing.id,
            scope=standing.scope,
            reason=standing.reason,
            source=source,
        )
    return standing


def suppress_many(
    addresses: Collection[str],
    scope: SuppressionScope,
    reason: SuppressionReason,
    source: str,
    by: UUID | None,
) -> int:
    """Stop mail to many addresses, such as those of a do-not-contact list.

    Returns how many were not stopped in this way before.
    """
    added = _add(addresses, scope, reason, source, by)
    audit.record(
        "addresses_suppressed",
        number=added,
        scope=scope.value,
        reason=reason.value,
        source=source,
    )
    return added


def _add(
    addresses: Collection[str],
    scope: SuppressionScope,
    reason: SuppressionReason,
    source: str,
    by: UUID | None,
) -> int:
    """While the index key rotates, an address stands under both tokens: contacts may be found by
    either."""
    wanted = {token: each for each in addresses for token in contacts.address_tokens(each)}
    standing = Suppression.objects.filter(
        scope=scope.value, reason=reason.value, lifted_at=None
    ).extra(where=["address_token = ANY(%s::uuid[])"], params=[_array(wanted)])
    known = set(standing.values_list("address_token", flat=True))
    new = [(token, address) for token, address in wanted.items() if token not in known]
    ids = [new_id() for _ in new]
    seal = keyring(KeyUse.AUTHORIZATION).sealer(SUPPRESSION_TABLE)
    sealed = [seal(address.encode(), key.bytes) for key, (_, address) in zip(ids, new, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "organization": current_organization_id(),
                "scope": scope.value,
                "reason": reason.value,
                "source": source,
                "by": by,
                "ids": _array(ids),
                "tokens": _array(token for token, _ in new),
                "sealed": sealed,
            },
        )
    return len({address.casefold() for _, address in new})


# One statement: a list has a hundred thousand addresses, and as many model instances take half a
# minute.
_INSERT = """
    INSERT INTO consent_suppression (id, organization_id, address_token, sealed_address, scope,
        reason, source, recorded_by, created_at, lifted_because)
    SELECT id, %(organization)s, token, sealed, %(scope)s, %(reason)s, %(source)s, %(by)s, now(), ''
    FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(sealed)s::bytea[]) AS n (id, token, sealed)
    ON CONFLICT DO NOTHING
"""


def _array(ids: Iterable[UUID]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


def _suppression(address: str, row: Suppression) -> Suppression:
    ring = keyring(KeyUse.AUTHORIZATION)
    row.sealed_address = ring.seal(address.encode(), SUPPRESSION_TABLE, row.id)
    return row


_SAID = (
    SuppressionReason.UNSUBSCRIBED,
    SuppressionReason.COMPLAINED,
    SuppressionReason.DO_NOT_CONTACT,
)
"""What a person said, and not a mailbox."""


def keep_wishes_of_address(kept: UUID, gone: UUID) -> None:
    """Before two contacts become one: what the person said about mail to the one's address holds
    for the other's, too."""
    people = contacts.opened([kept, gone])
    old, new = (people[each].email if each in people else None for each in (gone, kept))
    if not old or not new or contacts.address_token(old) == contacts.address_token(new):
        return
    standing = Suppression.objects.filter(
        address_token__in=contacts.address_tokens(old), reason__in=_SAID, lifted_at=None
    )
    for scope, reason in set(standing.values_list("scope", "reason")):
        suppress(new, SuppressionScope(scope), SuppressionReason(reason), "merge")


class NotLiftable(Exception):
    """Only the person can take this back; the message says how."""


def lift(suppression_id: UUID, because: str, by: UUID | None) -> None:
    """Let mail go to an address again, under every token of it.

    `by` is nobody if the person did it. Staff can't undo what the person said: an unsubscribe, a
    complaint or a fundraising opt-out. Raises `NotLiftable`.
    """
    row = Suppression.objects.select_for_update().get(id=suppression_id)
    by_person = row.reason in (SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED)
    if by is not None and by_person:
        raise NotLiftable(
            "The person said so. Only they can change it, on the page that every mail links to."
        )
    if not because.strip():
        raise NotLiftable("Say why mail may go to this address again.")
    ((_, address),) = _addresses([row])
    same = Suppression.objects.filter(
        address_token__in=contacts.address_tokens(address),
        scope=row.scope,
        reason=row.reason,
        lifted_at=None,
    )
    same.update(lifted_at=timezone.now(), lifted_by=by, lifted_because=because.strip())
    audit.record("suppression_lifted", object_type="suppression", object_id=row.id)


def add_suppression_tokens(_subject: str, after: UUID | None) -> Step:
    """Let suppressions stand under every token of their address, before contacts take a new one."""
    rows = _next_suppressions(after)
    copies = [
        _suppression(address, _under(row, token))
        for row, address in _addresses(rows)
        for token in contacts.address_tokens(address)
        if token != row.address_token
    ]
    Suppression.objects.bulk_create(copies, ignore_conflicts=True)
    return Step(len(rows), rows[-1].id if rows else None)


def _under(row: Suppression, token: UUID) -> Suppression:
    kept = ("scope", "reason", "source", "recorded_by", "created_at")
    lifted = ("lifted_at", "lifted_by", "lifted_because")
    same = {name: getattr(row, name) for name in (*kept, *lifted)}
    return Suppression(address_token=token, **same)


def drop_suppression_tokens(_subject: str, after: UUID | None) -> Step:
    """Delete suppressions under tokens that no contact has any more, after a rotation."""
    rows = _next_suppressions(after)
    old = [
        row.id
        for row, address in _addresses(rows)
        if row.address_token != contacts.address_token(address)
        and row.address_token not in contacts.addresses_in_use([row.address_token])
    ]
    Suppression.objects.filter(id__in=old).delete()
    return Step(len(rows), rows[-1].id if rows else None)


def _next_suppressions(after: UUID | None) -> list[Suppression]:
    rows = Suppression.objects.order_by("id")
    return list((rows.filter(id__gt=after) if after else rows)[:SUPPRESSIONS_AT_ONCE])


def _addresses(rows: Iterable[Suppression]) -> Iterator[tuple[Suppression, str]]:
    ring = keyring(KeyUse.AUTHORIZATION)
    for row in rows:
        try:
            yield row, ring.open(bytes(row.sealed_address), SUPPRESSION_TABLE, row.id).decode()
        except CannotOpen:
            log.error("suppression_unreadable", suppression_id=str(row.id))
