"""Permits of messages that were decided: explained in words, and computed again.

What stands with a message is enough to do so: the grounds (verdict, rule, facts, packs, rulings),
the authorization, the moment, and with its mailing the use, the content's digest and the approver.
Facts that leave no history, such as where somebody lived that day or what they had asked for,
stand in the grounds; authorizations, revocations, disputes and rulings are read from the rows that
are only ever added to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from consent import queries as consent
from consent.models import FormVersion, PermitEvidence
from consent.rules.authorization import Authorization
from consent.rules.decision import (
    RULES_VERSION,
    RecipientFacts,
    Verdict,
    decide,
    evidence_hash,
)
from consent.rules.purposes import Purpose, use_from_json
from delivery.models import Mailing, Message
from delivery.queries import stored_content
from delivery.rules import Status

AT_ONCE = 1_000
AT_THE_SAME_TIME = timedelta(seconds=30)
"""What was written while a window was decided may count for it or not."""


@dataclass(frozen=True)
class Permit:
    """One message's permit as it is stored."""

    message: Message
    evidence: Mapping[str, Any]
    version: FormVersion | None


def permit_of(message_id: UUID) -> Permit | None:
    """The permit, or refusal, that stands with a message; None before its turn has come."""
    message = (
        Message.objects.select_related("mailing", "evidence", "authorization__version__form")
        .filter(id=message_id)
        .first()
    )
    if message is None or message.evidence is None:
        return None
    signed = message.authorization
    return Permit(message, message.evidence.body, signed.version if signed else None)


def mailing_named(key: UUID) -> Mailing | None:
    """The mailing with this id, or that of the campaign with this id."""
    found: Mailing | None = Mailing.objects.filter(Q(id=key) | Q(reference=key)).first()
    return found


def reasons(permit: Permit) -> list[tuple[str, str]]:
    """Why a message may be sent or not: sentences, each with the law behind it. Names neither a
    form nor what it is about."""
    return [(each["message"], each["citation"] or "") for each in permit.evidence["reasons"]]


def in_words(permit: Permit) -> Iterator[str]:
    """A permit as lines that a privacy officer can read out. Names nobody."""
    message, evidence = permit.message, permit.evidence
    zone = ZoneInfo(consent.organization().time_zone)
    yield f"Message {message.id} of mailing {message.mailing_id}"
    yield f"Decided {_when(message.decided_at, zone)}: {_VERDICTS[evidence['verdict']]}"
    for reason in evidence["reasons"]:
        citation = f" [{reason['citation']}]" if reason["citation"] else ""
        yield f"  because: {reason['message']}{citation}"
    use = evidence["use"]
    yield f"Purpose: {Purpose(use['purpose']).label}; payment: {use['remuneration']}" + (
        f" by {use['sponsor']}" if use["sponsor"] else ""
    )
    yield f"Information used: {', '.join(use['information']) or 'none'}"
    if permit.version is not None and message.authorization is not None:
        yield (
            f"Authorization {message.authorization_id}: {permit.version.form.name}, version"
            f" {permit.version.number}, signed on {message.authorization.signed_on:%Y-%m-%d}"
        )
        yield f"  form's digest {permit.version.digest}"
    for name, held in (("State packs", evidence["packs"]), ("Rulings", evidence["rulings"])):
        if held:
            yield f"{name}: {_listed(held)}"
    yield f"Content's digest {message.mailing.content_digest}"
    yield f"Approved by {message.mailing.approved_by}, digest {message.mailing.approved_digest}"
    yield f"Rules version {evidence['rules_version']}; grounds' digest {evidence_hash(evidence)}"


def _when(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}" if moment else "never"


def _listed(held: Mapping[str, str] | list[str]) -> str:
    if isinstance(held, Mapping):
        return ", ".join(f"{rule} ({outcome})" for rule, outcome in held.items())
    return ", ".join(held)


_VERDICTS = {"permit": "may be sent", "suppress": "is not sent", "hold": "waits for a ruling"}


@dataclass
class Verified:
    """What became of computing a mailing's permits again. `problems` name messages (or the mailing)
    and say what does not agree."""

    same: int = 0
    undecided: int = 0
    other_rules: int = 0
    problems: list[tuple[UUID, str]] = field(default_factory=list)


def verify(mailing: Mailing) -> Verified:
    """Compute every permit of a mailing again, as of the moment it was decided, and compare what
    stands around it: how many messages there are, the content, and the rulings.

    Grounds under an older version of the rules are decided by today's as well; when those come to
    another verdict, it is a problem that a lawyer should see rather than proof of tampering.
    """
    found = Verified()
    found.problems += [(mailing.id, problem) for problem in _around(mailing)]
    rows = iter(
        Message.objects.filter(mailing=mailing).select_related("evidence").order_by("id").iterator()
    )
    while chunk := list(islice(rows, AT_ONCE)):
        _verify(mailing, chunk, found)
    return found


def _around(mailing: Mailing) -> Iterator[str]:
    if Message.objects.filter(mailing=mailing).count() != mailing.audience:
        yield "there are not as many messages as there were recipients"
    if stored_content(mailing).digest() != mailing.content_digest:
        yield "the stored content is not the one whose digest stands beside it"


def _verify(mailing: Mailing, messages: Iterable[Message], found: Verified) -> None:
    by_moment: dict[datetime, list[tuple[Message, PermitEvidence]]] = {}
    for message in messages:
        if message.decided_at is None or message.evidence is None:
            found.undecided += 1
            if message.status in _SENT:
                found.problems.append((message.id, "it was sent and has no permit"))
        else:
            by_moment.setdefault(message.decided_at, []).append((message, message.evidence))
    for moment, together in by_moment.items():
        contacts = [each.contact_id for each, _ in together]
        then, soon = (
            consent.authorizations(contacts, at) for at in (moment, moment + AT_THE_SAME_TIME)
        )
        for message, stored in together:
            problem = _problem(mailing, message, stored, then.get(message.contact_id, []), moment)
            if problem and then.get(message.contact_id) != soon.get(message.contact_id):
                mine = soon.get(message.contact_id, [])
                problem = _problem(mailing, message, stored, mine, moment)
            if problem:
                found.problems.append((message.id, problem))
            elif stored.body["rules_version"] != RULES_VERSION:
                found.other_rules += 1
            else:
                found.same += 1


_SENT = (Status.TRANSMITTING, Status.ACCEPTED, Status.IN_PORTAL, Status.UNCERTAIN)


def _without_notice(use: Mapping[str, Any]) -> dict[str, Any]:
    """What the notice of privacy practices says is asked for anew at dispatch."""
    return {name: answer for name, answer in use.items() if name != "notice_given"}


def _problem(
    mailing: Mailing,
    message: Message,
    stored: PermitEvidence,
    signed: list[Authorization],
    moment: datetime,
) -> str:
    """What does not agree, in words; empty if all does."""
    body = stored.body
    if evidence_hash(body) != stored.digest:
        return "the stored grounds were altered"
    if _without_notice(body["use"]) != _without_notice(mailing.use):
        return "the grounds are about another use than the mailing's"
    if message.status in _SENT and body["verdict"] != Verdict.PERMIT:
        return "it was sent without a permit"
    if body["rulings"] != _ruled(mailing, moment):
        return "the rulings that it rests on are not on record"
    return _decided_again(message, stored, signed, moment)


def _ruled(mailing: Mailing, moment: datetime) -> dict[str, str]:
    """What was ruled on the mailing's content by then."""
    regime = consent.regime(mailing.reference, mailing.approved_digest, moment)
    return {code: outcome.value for code, outcome in regime.rulings.items()}


def _decided_again(
    message: Message, stored: PermitEvidence, signed: list[Authorization], moment: datetime
) -> str:
    body, zone = stored.body, ZoneInfo(consent.organization().time_zone)
    again = decide(
        use_from_json(body["use"]),
        RecipientFacts.from_json(body["facts"], signed),
        moment.astimezone(zone),
        consent.regime_of(body),
    )
    if again.authorization_id != message.authorization_id:
        return "another authorization would carry it, or none"
    if body["rules_version"] != RULES_VERSION:
        same = again.verdict.value == body["verdict"]
        return "" if same else "today's rules come to another verdict"
    same = again.grounds.evidence_hash == stored.digest
    return "" if same else "computing it again comes to other grounds"
