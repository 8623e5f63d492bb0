"""Looking at every stored authorization: whether it still is what was signed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from uuid import UUID

from audit import queries as log
from audit import services as audit
from consent import queries
from consent.models import Authorization, Dispute, IntegrityCheck, Revocation
from consent.services.alerts import raise_alert

AT_ONCE = 2_000
NAMED_AT_MOST = 50
"""Altered authorizations that get an alert of their own in one check."""


def check_integrity(by: UUID | None = None) -> IntegrityCheck:
    """Open the seal of every authorization of the organization, and raise an alert for those that
    were altered (45 CFR 164.312(c)(1)). They carry no mail in any case.

    Also asks the audit log for what only ever grows: an authorization, a revocation or a dispute
    that was recorded and is gone.
    """
    broken = queries.altered_versions()
    for version in broken:
        raise_alert("form_altered", "form_version", version)
    seen, altered = 0, []
    for authorization, version, intact in _looked_at():
        seen += 1
        if not intact:
            altered.append(None if version in broken else authorization)
    gone = _gone()
    for kind, found in (("authorization_altered", altered), ("record_missing", gone)):
        for each in [one for one in found if one is not None][:NAMED_AT_MOST]:
            raise_alert(kind, "authorization", each)
    check: IntegrityCheck = IntegrityCheck.objects.create(
        authorizations=seen, altered=len(altered) + len(gone), asked_by=by
    )
    audit.record(
        "authorizations_checked",
        object_type="integrity_check",
        object_id=check.id,
        number=seen,
        altered=check.altered,
    )
    return check


def _looked_at() -> Iterator[tuple[UUID, UUID, bool]]:
    """Each authorization, its version, and whether it is intact."""
    rows, after = Authorization.objects.order_by("id"), UUID(int=0)
    while some := list(
        rows.filter(id__gt=after).values_list("id", "contact_id", "version_id")[:AT_ONCE]
    ):
        after = some[-1][0]
        people = queries.authorizations({contact for _, contact, _ in some})
        intact = {each.id: each.intact for signed in people.values() for each in signed}
        yield from ((key, version, intact[key]) for key, _, version in some)


def _gone() -> list[UUID]:
    """Authorizations that the log knows more about than the tables do."""
    recorded = log.objects_of("authorization_recorded")
    missing = recorded - set(Authorization.objects.values_list("id", flat=True))
    for action, rows in (
        ("authorization_revoked", Revocation.objects.all()),
        ("authorization_disputed", Dispute.objects.all()),
    ):
        missing |= log.objects_of(action) - set(rows.values_list("authorization_id", flat=True))
    return sorted(missing)


def alert_altered(contact_ids: Collection[UUID]) -> None:
    """Raise an alert for each altered authorization of these people: one was found on the way to
    sending."""
    broken = queries.altered_versions()
    for version in broken:
        raise_alert("form_altered", "form_version", version)
    if broken:
        return
    for signed in queries.authorizations(contact_ids).values():
        for each in signed:
            if not each.intact:
                raise_alert("authorization_altered", "authorization", each.id)
