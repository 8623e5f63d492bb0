"""What decisions rest on: their grounds, and the rulings of the privacy officer."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from uuid import UUID

from audit import services as audit
from consent.models import PermitEvidence, Ruling
from consent.rules.decision import Decision, RulingOutcome
from consent.rules.table import RULES


class NotRulable(Exception):
    """This can't be ruled on; the message says why."""


def rule_on(
    reference: UUID, digest: str, rule: str, outcome: RulingOutcome, reason: str, by: UUID
) -> Ruling:
    """A privacy officer's word on exactly this submission, with the reason. Raises `NotRulable`."""
    known = RULES.get(rule)
    if known is None or not known.can_be_ruled:
        raise NotRulable("This rule is not waiting for anybody's decision.")
    if not reason.strip():
        raise NotRulable("Say why: the reason stays with every message that goes out under it.")
    ruling: Ruling = Ruling.objects.create(
        reference=reference,
        digest=digest,
        rule=rule,
        outcome=outcome.value,
        reason=reason.strip(),
        decided_by=by,
    )
    audit.record(
        "hold_ruled_on",
        object_type="ruling",
        object_id=ruling.id,
        rule=rule,
        outcome=outcome.value,
    )
    return ruling


def store_evidence(decisions: Iterable[Decision]) -> dict[str, UUID]:
    """Store the grounds of decisions, once per distinct text; returns their ids by hash."""
    by_hash = {decision.grounds.evidence_hash: decision.grounds for decision in decisions}
    known = dict(PermitEvidence.objects.filter(digest__in=by_hash).values_list("digest", "id"))
    missing = [
        PermitEvidence(digest=digest, body=grounds.evidence)
        for digest, grounds in sorted(
            by_hash.items(), key=itemgetter(0)
        )  # two workers insert in one order
        if digest not in known
    ]
    if missing:
        PermitEvidence.objects.bulk_create(missing, ignore_conflicts=True)
        known = dict(PermitEvidence.objects.filter(digest__in=by_hash).values_list("digest", "id"))
    return known
