"""Claiming a batch, preparing a window of its messages, and writing down what became of them.

The database is the queue. A worker holds a batch by a lease; what it is about to send is committed
as `transmitting` before the first byte of content leaves. Whoever takes over a batch whose lease
ran out finds those rows and declares them uncertain: the server may have accepted them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Coalesce

from audit import services as audit
from consent import queries as consent
from consent import services as consent_services
from consent.rules.decision import Decision, SuppressionReason, SuppressionScope, Verdict
from contacts import queries as contacts
from contacts.queries import OpenedContact
from delivery import rules
from delivery.letters import Composer, Letter, Unsendable
from delivery.models import Batch, DomainPosture, Mailing, Message
from delivery.routing import Route, Step, after_attempt
from delivery.rules import IN_FLIGHT, MailingStatus, Status
from delivery.services import copies, events
from delivery.services.mailings import finish_if_done
from delivery.transports.outcomes import Outcome
from delivery.transports.tls import Protection
from tenancy.keys import keyring
from tenancy.models import KeyUse

WINDOW = 20
"""Messages in the air at once per worker: also the most that a crash can leave in doubt."""
TABLE = "delivery_message"


@dataclass(frozen=True)
class Prepared:
    """A message that was committed as transmitting, and the letter to send."""

    message: Message
    letter: Letter
    plain_allowed: bool = False


def claim(batch_id: UUID, now: datetime) -> Batch | None:
    """Take the lease of a due batch; None if somebody else has it or there is nothing to do."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    taken = Batch.objects.filter(free, id=batch_id, done=False, due_at__lte=now).update(
        lease_until=now + rules.LEASE
    )
    if not taken:
        return None
    batch: Batch = Batch.objects.select_related("mailing__sender").get(id=batch_id)
    _declare_uncertain(batch, now)
    return batch


def _declare_uncertain(batch: Batch, now: datetime) -> None:
    """Only a worker that died leaves rows in the air in a batch that nobody holds."""
    stranded = list(_messages(batch).filter(status=Status.TRANSMITTING).select_for_update())
    for message in stranded:
        _settle(message, Step(Status.UNCERTAIN, Route(message.route), "worker_died"), now)
    _save(stranded)
    copies.note_settled(batch.mailing, stranded)
    events.record_many([(message, "uncertain", "worker_died") for message in stranded], now)
    if stranded:
        audit.record(
            "messages_uncertain",
            object_type="mailing",
            object_id=batch.mailing_id,
            messages=len(stranded),
        )


def prepare(batch: Batch, composer: Composer, now: datetime) -> list[Prepared] | None:
    """The next window of letters, committed as transmitting; None when there is nothing more now.

    Permits are computed here, per recipient, at the last moment before sending: what was revoked,
    unsubscribed or paused a second ago counts.
    """
    mailing = Mailing.objects.get(id=batch.mailing_id)
    if mailing.status != MailingStatus.SENDING:
        return None
    due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    waiting = _messages(batch).filter(due, status=Status.QUEUED).order_by("id")
    messages = list(waiting.select_for_update(skip_locked=True)[:WINDOW])
    if not messages:
        return None
    Batch.objects.filter(id=batch.id).update(lease_until=now + rules.LEASE)
    ids = [message.contact_id for message in messages]
    regime = consent.regime(mailing.reference, mailing.approved_digest)
    decisions = consent.decisions(composer.use, ids, now, regime)
    evidence = consent_services.store_evidence(decisions.values())
    _tell_of_altered(decisions)
    people, untracked = contacts.opened(ids), consent.untracked(ids)
    prepared = []
    for message in messages:
        decision = decisions[message.contact_id]
        message.evidence_id = evidence[decision.grounds.evidence_hash]
        message.authorization_id = decision.authorization_id
        message.decided_at = now
        if not _refused(message, decision, now):
            _take_the_way(message, decision)
            track = message.contact_id not in untracked
            letters = _compose(message, people.get(message.contact_id), composer, now, track)
            prepared += [Prepared(message, each, decision.plain_mail) for each in letters]
    _save(messages)
    copies.note_settled(mailing, messages)
    return prepared


def _tell_of_altered(decisions: Mapping[UUID, Decision]) -> None:
    """An authorization that is not what was signed carries nothing, and somebody must know."""
    altered = [
        contact
        for contact, decision in decisions.items()
        if any(reason.code == "not_intact" for reason in decision.reasons)
    ]
    if altered:
        consent_services.alert_altered(altered)


def _take_the_way(message: Message, decision: Decision) -> None:
    """What others in the household read holds no content; nothing goes plain any more once the
    wish for it is withdrawn."""
    if decision.portal_only and message.route != Route.PORTAL:
        message.route, message.reason = Route.PORTAL.value, "household"
    elif message.route == Route.PLAIN and not decision.plain_mail:
        message.route = Route.PORTAL.value


def _refused(message: Message, decision: Decision, now: datetime) -> bool:
    """Whether there is no permit. Refusals settle the message with the first reason's code."""
    match decision.verdict:
        case Verdict.PERMIT:
            return False
        case Verdict.HOLD:
            step = Step(Status.HELD, Route(message.route), decision.code)
        case Verdict.SUPPRESS:
            step = Step(Status.SUPPRESSED, Route(message.route), decision.code)
    _settle(message, step, now)
    return True


def _compose(
    message: Message,
    person: OpenedContact | None,
    composer: Composer,
    now: datetime,
    track: bool,
) -> list[Letter]:
    """The letter; none, with the message settled, if it can't be written."""
    if person is None:  # its seal is broken; somebody erased has no permit in the first place
        _settle(message, Step(Status.FAILED, Route(message.route), "unreadable"), now)
        return []
    try:
        letter = composer.compose(message.id, person, Route(message.route), now, track)
    except Unsendable as problem:
        _settle(message, Step(Status.FAILED, Route(message.route), problem.reason), now)
        return []
    if message.sealed_context is None:
        context = orjson.dumps(composer.context_of(person))
        message.sealed_context = keyring(KeyUse.MESSAGE).seal(context, TABLE, message.id)
    message.first_attempt_at = message.first_attempt_at or now
    message.attempts += 1
    message.status = Status.TRANSMITTING
    message.in_flight_since = now
    return [letter]


def record(batch: Batch, sent: Sequence[tuple[Prepared, Outcome]], now: datetime) -> None:
    """Write down what became of a window.

    If this worker was so slow that another took the batch over, its messages are uncertain by now;
    then only an answer that settles one counts.
    """
    mailing = Mailing.objects.get(id=batch.mailing_id)
    standing = _standing([prepared.message for prepared, _ in sent])
    messages, happened = [], []
    for prepared, outcome in sent:
        message = prepared.message
        step = _step(prepared, outcome, mailing.status == MailingStatus.STOPPED, now)
        message.status = standing[message.id]
        if not rules.may_become(Status(message.status), step.status):
            continue
        _settle(message, step, now)
        message.protection = outcome.evidence.to_dict()
        messages.append(message)
        happened.append((message, _event(step, Route(message.route)), step.reason))
        if step.suppress:
            consent_services.suppress(
                prepared.letter.address, SuppressionScope.ALL, SuppressionReason.BOUNCED, "bounce"
            )
    _save(messages)
    copies.note_settled(mailing, messages)
    events.record_many(happened, now)
    verified = [each for done, each in sent if done.letter.protection is Protection.VERIFIED]
    _remember_posture(batch.mail_domain, verified, now)
    _log(batch, messages)


def _step(prepared: Prepared, outcome: Outcome, stopped: bool, now: datetime) -> Step:
    message = prepared.message
    step = after_attempt(
        outcome,
        Route(message.route),
        message.attempts,
        message.first_attempt_at or now,
        now,
        settings.SMTP_BACK_OFF_MINUTES or rules.BACK_OFF,
        prepared.plain_allowed,
    )
    if stopped and step.status is Status.QUEUED:
        return Step(Status.STOPPED, Route(message.route))
    return step


def _standing(messages: Sequence[Message]) -> dict[UUID, str]:
    """The messages' statuses as they are in the database now, locked."""
    ids = [message.id for message in messages]
    rows = Message.objects.filter(id__in=ids).select_for_update()
    return dict(rows.values_list("id", "status"))


def release(batch: Batch, now: datetime) -> None:
    """Give the lease back: done, or due again when the first of its messages is."""
    # A ruling that puts held messages back waits for this lock, or is seen.
    Batch.objects.select_for_update().get(id=batch.id)
    waiting = _messages(batch).filter(status__in=IN_FLIGHT)
    if not waiting.exists():
        Batch.objects.filter(id=batch.id).update(done=True, lease_until=None)
        finish_if_done(batch.mailing_id)
        return
    # Messages without a time of their own, as after a pause, are due at once.
    due = waiting.aggregate(at=Min(Coalesce("next_attempt_at", now)))["at"]
    Batch.objects.filter(id=batch.id).update(lease_until=None, due_at=max(due, now))


def _messages(batch: Batch) -> QuerySet[Message]:
    return Message.objects.filter(
        mailing_id=batch.mailing_id, id__gte=batch.first_message, id__lte=batch.last_message
    )


def _settle(message: Message, step: Step, now: datetime) -> None:
    old = Status(message.status)
    if not rules.may_become(old, step.status):
        raise RuntimeError(f"a message can't go from {old} to {step.status}")
    message.status = step.status
    if step.status is not Status.IN_PORTAL:  # there, why the portal was taken stays
        message.reason = step.reason
    message.route = step.route.value
    message.next_attempt_at = step.next_attempt_at
    message.in_flight_since = None
    message.settled_at = None if step.status in IN_FLIGHT else now


def _save(messages: Sequence[Message]) -> None:
    Message.objects.bulk_update(
        messages,
        [
            "status",
            "reason",
            "route",
            "attempts",
            "next_attempt_at",
            "in_flight_since",
            "settled_at",
            "sealed_context",
            "first_attempt_at",
            "decided_at",
            "authorization",
            "evidence",
            "protection",
        ],
    )


def _event(step: Step, route: Route) -> str:
    if step.status is Status.QUEUED:
        return "deferred" if step.next_attempt_at else f"to_{step.route}"
    return step.status.value


def _remember_posture(domain: str, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What was seen of a domain when content was to go there explains and plans; it never
    authorizes."""
    if outcomes:
        last = outcomes[-1]
        DomainPosture.objects.update_or_create(
            domain=domain,
            defaults={
                "verdict": type(last).__name__,
                "detail": getattr(last, "kind", "") or last.evidence.tls_version,
                "seen_at": now,
            },
        )


def _log(batch: Batch, messages: Sequence[Message]) -> None:
    """One audit row per window, with a digest over each message's outcome."""
    lines = sorted(f"{message.id} {message.status}" for message in messages)
    audit.record(
        "messages_sent",
        object_type="mailing",
        object_id=batch.mailing_id,
        outcomes=dict(Counter(message.status for message in messages)),
        digest=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    )
