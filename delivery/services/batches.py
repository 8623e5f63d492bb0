"""Claiming a batch, preparing chunks of its messages, and writing down what became of them.

The database is the queue. A worker holds a batch by a lease; what it is about to send is committed
as `transmitting` before the first byte of content leaves. Whoever takes over a batch whose lease
ran out finds those rows and declares them uncertain: the server may have accepted them.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from audit import services as audit
from consent import queries as consent
from consent import services as consent_services
from consent.rules.decision import Decision, Verdict
from consent.rules.purposes import Use
from contacts import queries as contacts
from contacts.queries import OpenedContact
from delivery import queries, rules
from delivery.dispatcher import Outgoing
from delivery.holds import Watch
from delivery.letters import Composer, Unsendable
from delivery.models import Batch, Mailing, Message
from delivery.routing import Route, Step, after_attempt
from delivery.rules import IN_FLIGHT, MailingStatus, Retries, Status
from delivery.services import copies, events, journal, postures, warming
from delivery.services.journal import Prepared, Settled
from delivery.services.mailings import finish_if_done
from delivery.transports.outcomes import Deferred, Level, Outcome
from delivery.transports.tls import Protection
from tenancy import bulk
from tenancy.keys import keyring
from tenancy.models import KeyUse

TABLE = "delivery_message"
LOOK_AGAIN = timedelta(minutes=5)
"""After which a mailing whose sender's domain was not ready is taken up again."""
PERMIT_AGE = timedelta(seconds=5)
"""A permit that is older when the content is about to leave is computed again."""


def claim(batch_id: UUID, now: datetime) -> Batch | None:
    """Take the lease of a due batch; None if somebody else has it or there is nothing to do."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    taken = Batch.objects.filter(free, id=batch_id, done=False, due_at__lte=now).update(
        lease_until=now + rules.LEASE
    )
    if not taken:
        return None
    batch: Batch = Batch.objects.select_related("mailing__sender__domain").get(id=batch_id)
    _declare_uncertain(batch, now)
    return batch


def _declare_uncertain(batch: Batch, now: datetime) -> None:
    """Only a worker that died leaves rows in the air in a batch that nobody holds."""
    air = _messages(batch).filter(status=Status.TRANSMITTING)
    stranded = list(air.select_related("mailing").select_for_update(of=("self",)))
    if not stranded:
        return
    for message in stranded:
        message.status, message.reason = Status.UNCERTAIN.value, "worker_died"
        message.in_flight_since, message.settled_at = None, now
    Message.objects.bulk_update(stranded, ["status", "reason", "in_flight_since", "settled_at"])
    copies.note_settled(stranded)
    events.record_many([(message, "uncertain", "worker_died") for message in stranded], now)
    audit.record(
        "messages_uncertain",
        object_type="mailing",
        object_id=batch.mailing_id,
        messages=len(stranded),
    )


def prepare(batch: Batch, composer: Composer, size: int, now: datetime) -> list[Prepared] | None:
    """The next letters of a batch, at most `size`; None when there are no more now.

    Permits are computed here, per recipient, moments before sending: what was revoked, unsubscribed
    or paused a second ago counts. Who has none is settled; the others stay in the queue until
    their content is about to leave.
    """
    mailing = Mailing.objects.get(id=batch.mailing_id)
    if mailing.status != MailingStatus.SENDING:
        return None
    if _waits_until(batch, now):
        return None
    rows = _due(batch, size, now)
    if not rows:
        return None
    Batch.objects.filter(id=batch.id).update(lease_until=now + rules.LEASE)
    ids = [row.contact_id for row in rows]
    regime = consent.regime(mailing.reference, mailing.approved_digest)
    decisions = consent.decisions(composer.use, ids, now, regime)
    evidence = consent_services.store_evidence(decisions.values())
    _tell_of_altered(decisions)
    people, untracked = contacts.opened(ids), consent.untracked(ids)
    seal = keyring(KeyUse.MESSAGE).sealer(TABLE)
    prepared, refused = [], []
    for row in rows:
        decision = decisions[row.contact_id]
        one = _decided(row, decision, evidence[decision.grounds.evidence_hash], now)
        step = _refusal(mailing, row, decision, now) or _written(
            one, row, people.get(row.contact_id), composer, seal, row.contact_id not in untracked
        )
        if step is None:
            prepared.append(one)
        else:
            refused.append(Settled(one, step))
    journal.settle(mailing.kind, refused, now)
    lane = queries.lane_of_domain(batch.mail_domain)
    return prepared[: warming.reserve(batch.mailing.sender.domain, lane, len(prepared), now)]


def _waits_until(batch: Batch, now: datetime) -> datetime | None:
    """Until when nothing of the batch may go: everything is stopped, the sender's domain isn't
    ready, or the recipients' provider rests or has had its day's number."""
    if queries.standing_stop() or not queries.is_ready(batch.mailing.sender.domain_id):
        return now + LOOK_AGAIN
    rest = queries.lane_rests_until(batch.mail_domain)
    if rest is not None and rest > now:
        return rest
    lane = queries.lane_of_domain(batch.mail_domain)
    if warming.left(batch.mailing.sender.domain, lane, now) == 0:
        return warming.tomorrow(now)
    return None


class _Due(NamedTuple):
    """A message that waits, as far as deciding and writing need it."""

    id: UUID
    contact_id: UUID
    route: str
    reason: str
    attempts: int
    first_attempt_at: datetime | None


def _due(batch: Batch, size: int, now: datetime) -> list[_Due]:
    found = bulk.rows(
        _DUE,
        mailing=batch.mailing_id,
        first=batch.first_message,
        last=batch.last_message,
        now=now,
        size=size,
    )
    return [_Due(*row) for row in found]


_DUE = """
    SELECT id, contact_id, route, reason, attempts, first_attempt_at
    FROM delivery_message
    WHERE mailing_id = %(mailing)s AND id BETWEEN %(first)s AND %(last)s AND status = 'queued'
        AND (next_attempt_at IS NULL OR next_attempt_at <= %(now)s)
    ORDER BY id LIMIT %(size)s
"""


def _tell_of_altered(decisions: Mapping[UUID, Decision]) -> None:
    """An authorization that is not what was signed carries nothing, and somebody must know."""
    altered = [
        contact
        for contact, decision in decisions.items()
        if any(reason.code == "not_intact" for reason in decision.reasons)
    ]
    if altered:
        consent_services.alert_altered(altered)


def _decided(row: _Due, decision: Decision, evidence_id: UUID, now: datetime) -> Prepared:
    """What others in the household read holds no content; nothing goes plain any more once the
    wish for it is withdrawn."""
    route, reason = Route(row.route), row.reason
    if decision.portal_only and route is not Route.PORTAL:
        route, reason = Route.PORTAL, "household"
    elif route is Route.PLAIN and not decision.plain_mail:
        route = Route.PORTAL
    return Prepared(
        row.id,
        row.contact_id,
        route,
        reason,
        row.attempts,
        row.first_attempt_at or now,
        now,
        evidence_id,
        decision.authorization_id,
        decision.plain_mail,
    )


def _refusal(mailing: Mailing, row: _Due, decision: Decision, now: datetime) -> Step | None:
    """The step for a message that may not go, with the first reason's code; None for a permit."""
    if mailing.send_until is not None and now > mailing.send_until:
        return Step(Status.FAILED, Route(row.route), "too_late")
    match decision.verdict:
        case Verdict.PERMIT:
            return None
        case Verdict.HOLD:
            return Step(Status.HELD, Route(row.route), decision.code)
        case Verdict.SUPPRESS:
            return Step(Status.SUPPRESSED, Route(row.route), decision.code)


def _written(
    one: Prepared,
    row: _Due,
    person: OpenedContact | None,
    composer: Composer,
    seal: Callable[[bytes, bytes], bytes],
    track: bool,
) -> Step | None:
    """Give a message its letter; the step to take if it can't be written."""
    if person is not None and person.id != one.contact_id:
        raise RuntimeError("a message was to be filled with another contact's values")
    if person is None:  # its seal is broken; somebody erased has no permit in the first place
        return Step(Status.FAILED, one.route, "unreadable")
    try:
        one.letter, context = composer.compose(one.id, person, one.route, one.decided_at, track)
    except Unsendable as problem:
        return Step(Status.FAILED, one.route, problem.reason)
    # What was sent last is what the portal shows, also when values changed since an attempt before.
    one.context = seal(orjson.dumps(context), one.id.bytes)
    one.attempts += 1
    return None


class Record:
    """What becomes of the letters of one chunk, written down as it happens."""

    def __init__(self, batch: Batch, use: Use, chunk: Sequence[Prepared]) -> None:
        self.sent = 0
        self._batch = batch
        self._use = use
        self._chunk: dict[Hashable, Prepared] = {each.id: each for each in chunk}
        self._renewed = timezone.now()
        self._seen: dict[str, Outcome] = {}
        self.rest_until: datetime | None = None
        self._watch = Watch()
        self._deferred: Counter[str] = Counter()
        policy = queries.delivery_policy()
        self.level: Level = policy.level
        self._retries = Retries(
            settings.SMTP_BACK_OFF_MINUTES or rules.BACK_OFF,
            timedelta(hours=policy.give_up_after_hours),
            batch.mailing.send_until,
        )

    def close(self, now: datetime) -> None:
        """Remember what was seen of the mail domains on the way. A server that was protected for
        days and is not may have somebody in between: TLS is stripped by whoever can."""
        for lane, number in self._deferred.items():
            warming.note_deferred(self._batch.mailing.sender.domain, lane, number, now)
        if postures.remember(self._seen, now):
            mailing_id = self._batch.mailing_id
            consent_services.raise_alert("protection_lost", "mailing", mailing_id)
            audit.record("protection_lost", object_type="mailing", object_id=mailing_id)

    def letters(self) -> list[Outgoing]:
        """The letters, by the ids of their messages."""
        return [Outgoing(each.id, each.letter) for each in self._chunk.values() if each.letter]

    def write_down(
        self,
        asking: Sequence[Hashable],
        outcomes: Sequence[tuple[Hashable, Outcome]],
        now: datetime,
    ) -> tuple[set[Hashable], bool]:
        """Settle outcomes, and commit as being in the air what asks for leave; returns those that
        have it, and whether the mailing is still being sent."""
        mailing = self._batch.mailing
        ((status,),) = bulk.rows(_STATUS, mailing=mailing.id)
        stopped = status == MailingStatus.STOPPED
        pairs = [(self._chunk[key], outcome) for key, outcome in outcomes]
        journal.settle(
            mailing.kind, [_settled(*pair, self._retries, stopped, now) for pair in pairs], now
        )
        self.sent += len(pairs)
        for pair in pairs:
            self._saw(*pair, now)
        waiting = self._still_permitted(mailing, [self._chunk[key] for key in asking], now)
        allowed: set[Hashable] = set(journal.mark_transmitting(waiting, now))
        if now - self._renewed > rules.LEASE / 10:
            Batch.objects.filter(id=self._batch.id).update(lease_until=now + rules.LEASE)
            self._renewed = now
        return allowed, status == MailingStatus.SENDING and self.rest_until is None

    def _saw(self, one: Prepared, outcome: Outcome, now: datetime) -> None:
        """Learn from an outcome: of its domain, and whether its provider needs a rest."""
        if one.letter and one.letter.protection is Protection.VERIFIED:
            self._seen[one.letter.recipient.domain] = outcome
        lane = postures.lane(outcome)
        if isinstance(outcome, Deferred):
            self._deferred[lane] += 1
        hold = self._watch.saw(lane, outcome, now)
        if hold is not None:
            postures.hold(hold)
            self.rest_until = hold.until

    def _still_permitted(
        self, mailing: Mailing, waiting: list[Prepared], now: datetime
    ) -> list[Prepared]:
        """Those whose permit is fresh, and those that get the same one again. Others stay in the
        queue, to be prepared anew; so does everybody after the mailing's last moment."""
        if mailing.send_until is not None and now > mailing.send_until:
            return []
        old = {each.contact_id: each for each in waiting if now - each.decided_at > PERMIT_AGE}
        if not old:
            return waiting
        regime = consent.regime(mailing.reference, mailing.approved_digest)
        again = consent.decisions(self._use, list(old), now, regime)
        evidence = consent_services.store_evidence(again.values())
        for contact, one in old.items():
            one.decided_at = now
            one.evidence_id = evidence[again[contact].grounds.evidence_hash]
            one.authorization_id = again[contact].authorization_id
        return [
            each
            for each in waiting
            if each.contact_id not in old or _same_way(each.route, again[each.contact_id])
        ]


_STATUS = "SELECT status FROM delivery_mailing WHERE id = %(mailing)s"


def _same_way(route: Route, decision: Decision) -> bool:
    """Whether a letter that was written for a route may still take it."""
    if decision.verdict is not Verdict.PERMIT:
        return False
    if decision.portal_only and route is not Route.PORTAL:
        return False
    return decision.plain_mail or route is not Route.PLAIN


def _settled(
    one: Prepared, outcome: Outcome, retries: Retries, stopped: bool, now: datetime
) -> Settled:
    """What to write down of an attempt's outcome."""
    step = after_attempt(
        outcome,
        one.route,
        one.attempts,
        one.first_attempt_at,
        now,
        retries,
        one.plain_allowed,
        random.random(),  # noqa: S311 (it spreads load)
    )
    if stopped and step.status is Status.QUEUED:
        step = Step(Status.STOPPED, one.route)
    return Settled(one, step, _event(step, one.route), outcome.evidence.to_dict())


def _event(step: Step, route: Route) -> str:
    if step.status is Status.QUEUED:
        return "deferred" if step.next_attempt_at else f"to_{step.route}"
    return step.status.value


def release(batch: Batch, now: datetime, rest_until: datetime | None = None) -> None:
    """Give the lease back: done, or due again when the first of its messages is, and its provider
    has rested.

    One audit row tells where each message of the batch stands, whichever worker brought it there.
    """
    # First the mailing, then the batch, as whoever puts messages back does; and what they put back
    # waits for these locks, or is seen.
    Mailing.objects.select_for_update().only("id").get(id=batch.mailing_id)
    Batch.objects.select_for_update().get(id=batch.id)
    _log(batch)
    waiting = _messages(batch).filter(status__in=IN_FLIGHT)
    if not waiting.exists():
        Batch.objects.filter(id=batch.id).update(done=True, lease_until=None)
        finish_if_done(batch.mailing_id)
        return
    # Messages without a time of their own, as after a pause, are due at once.
    due = waiting.aggregate(at=Min(Coalesce("next_attempt_at", now)))["at"]
    rest = rest_until or _waits_until(batch, now) or now
    Batch.objects.filter(id=batch.id).update(lease_until=None, due_at=max(due, rest, now))


def _log(batch: Batch) -> None:
    """One audit row with a digest over each message and its status."""
    found = list(_messages(batch).order_by("id").values_list("id", "status"))
    lines = "\n".join(f"{message} {status}" for message, status in found)
    audit.record(
        "messages_sent",
        object_type="mailing",
        object_id=batch.mailing_id,
        outcomes=dict(Counter(status for _, status in found)),
        digest=hashlib.sha256(lines.encode()).hexdigest(),
    )


def _messages(batch: Batch) -> QuerySet[Message]:
    return Message.objects.filter(
        mailing_id=batch.mailing_id, id__gte=batch.first_message, id__lte=batch.last_message
    )
