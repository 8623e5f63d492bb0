"""Facts about people, in bulk, and the permits that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from consent import models, recent
from consent.queries.policy import InForce, in_force, packs
from consent.queries.records import Signature, signatures
from consent.rules.decision import (
    Decision,
    RecipientFacts,
    Regime,
    RulingOutcome,
    Suppression,
    SuppressionReason,
    SuppressionScope,
    decide,
)
from consent.rules.packs import PACKS
from consent.rules.people import prescription_at, state_of
from consent.rules.purposes import Answer, Purpose, Use
from consent.rules.table import Prescription
from contacts import queries as contacts
from contacts.rules.fields import Relationship
from tenancy.bulk import UuidArray, rows_about, uuid_array

MONTH = timedelta(days=30)


def regime(reference: UUID, digest: str, at: datetime | None = None) -> Regime:
    """What holds for a mailing: the state packs in force, and what was ruled on this content, now
    or by a moment."""
    ruled = models.Ruling.objects.filter(reference=reference, digest=digest).order_by("decided_at")
    if at is not None:
        ruled = ruled.filter(decided_at__lte=at)
    rulings = {
        rule: RulingOutcome(outcome) for rule, outcome in ruled.values_list("rule", "outcome")
    }
    return Regime(packs(), rulings)


def regime_of(evidence: Mapping[str, Any]) -> Regime:
    """The regime that stored grounds name: packs by key, as they are read today, and rulings."""
    keys = [name.partition("@")[0] for name in evidence["packs"]]
    rulings = {code: RulingOutcome(each) for code, each in evidence["rulings"].items()}
    return Regime(tuple(PACKS[key] for key in keys), rulings)


def decisions(
    use: Use, contact_ids: Collection[UUID], now: datetime, regime: Regime | None = None
) -> dict[UUID, Decision]:
    """The permit or refusal of each person for one use, at this moment, in a fixed number of
    queries. Without a regime, that of the organization.

    `now` may be in any zone: "today" is the organization's.
    """
    said = in_force()
    here = now.astimezone(said.zone)
    regime = regime or Regime(said.packs)
    use = with_policy(use, said)
    decided = Deciding(use, here, regime).decide
    people = _people(use, contact_ids, here, bool(regime.packs), said)
    return {contact: decided(standing, signed) for contact, standing, signed in people}


def with_policy(use: Use, said: InForce | None = None) -> Use:
    """The use with what the organization says once for all of its mail."""
    given = (said or in_force()).fundraising_in_notice
    return replace(use, notice_given=Answer.YES if given else Answer.NO)


class Asked(NamedTuple):
    """What one person asked for, as far as it bears on one use. Named as in `RecipientFacts`."""

    restricted: frozenset[Purpose] = frozenset()
    paused: bool = False
    declined: bool = False
    often_enough: bool = False
    unconfirmed: bool = False
    plain_mail: bool = False


class Profile(NamedTuple):
    """What has to be looked up in people's sealed profiles."""

    state: str = ""
    prescription: Prescription = Prescription.UNKNOWN


class Standing(NamedTuple):
    """All that is known of one person but for what was signed. Equal for those who stand alike."""

    relationship: str
    has_address: bool
    deceased: bool
    household: bool
    suppressions: frozenset[Suppression]
    asked: Asked
    profile: Profile

    def facts(self, signed: Sequence[Signature]) -> RecipientFacts:
        """As the rules look at it."""
        return RecipientFacts(
            Relationship(self.relationship),
            self.has_address,
            self.deceased,
            tuple(each.authorization() for each in signed),
            self.suppressions,
            household=self.household,
            **self.asked._asdict(),
            **self.profile._asdict(),
        )


class Deciding:
    """Decides for many people at one moment. Those who stand alike share their grounds.

    An audience has few kinds of people: the same form, signed by themselves, in force, nothing
    refused. What tells two of a kind apart (who, and which record) does not decide.
    """

    def __init__(self, use: Use, now: datetime, regime: Regime) -> None:
        self._use, self._now, self._regime = use, now, regime
        self._today, self._moment = now.date(), now.astimezone(UTC)  # compared faster within a zone
        self._known: dict[object, tuple[Decision, int | None]] = {}

    def decide(self, standing: Standing, signed: Sequence[Signature]) -> Decision:
        """The same as `consent.rules.decision.decide`, sooner."""
        if len(signed) > 1:
            signed = sorted(signed, key=_latest_first)
        key = standing, tuple(map(self._kind, signed))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._decided(standing, signed)
        decision, carrying = known
        return decision if carrying is None else Decision(decision.grounds, signed[carrying].id)

    def _decided(
        self, standing: Standing, signed: Sequence[Signature]
    ) -> tuple[Decision, int | None]:
        """A decision, and which of the records carries it."""
        decision = decide(self._use, standing.facts(signed), self._now, self._regime)
        ids = [each.id for each in signed]
        named = decision.authorization_id
        return decision, None if named is None else ids.index(named)

    def _kind(self, signed: Signature) -> object:
        """Everything about a record that decides at this moment."""
        kind, _, authority, revoked_at, copy_given_at, intact, disputed = signed
        return (
            kind.alike,
            kind.signed_on > self._today,
            kind.expires_at <= self._moment,
            bool(authority.strip()),
            revoked_at is None,
            copy_given_at is None,
            intact,
            disputed,
            self._lacks(signed) if self._regime.packs else (),
        )

    def _lacks(self, signed: Signature) -> tuple[str, ...]:
        """What state packs find missing."""
        authorization = signed.authorization()
        return tuple(
            finding.code
            for pack in self._regime.packs
            for finding in pack.findings(authorization, self._now)
        )


def _latest_first(signed: Signature) -> tuple[int, str]:
    """The order by which the rules settle a tie: the record that carries a permit stands at the
    same place for everybody who stands alike."""
    return -signed.kind.signed_on.toordinal(), str(signed.id)


def facts(
    use: Use, contact_ids: Collection[UUID], now: datetime, by_state: bool
) -> dict[UUID, RecipientFacts]:
    """What a decision about this use needs to know of each person.

    `now` is in the organization's zone. States and prescriptions are looked up only where the use
    or a state pack asks for them, because that opens profiles. Somebody erased has no address.
    """
    people = _people(use, contact_ids, now, by_state, in_force())
    return {contact: standing.facts(signed) for contact, standing, signed in people}


def _people(
    use: Use, contact_ids: Collection[UUID], now: datetime, by_state: bool, said: InForce
) -> Iterator[tuple[UUID, Standing, Sequence[Signature]]]:
    """One person after the other, so that thousands need not stand in memory together."""
    names = {each.bytes: each for each in contact_ids}
    ids = uuid_array(names)
    people = rows_about(_PEOPLE, ids)
    signed = signatures(ids)
    wishes = _Wishes(use, ids, uuid_array({row[1] for row in people if row[1]}), now, said)
    profiles = _profiles(use, contact_ids, now.date(), by_state)
    for who, token, deceased, relationship, household in people:
        standing = Standing(
            relationship,
            token is not None,
            deceased,
            household,
            wishes.suppressions.get(token, _NOT_SUPPRESSED),
            wishes.by_person.get(who, wishes.of_others),
            profiles.get(who, _NOT_LOOKED_UP),
        )
        yield names[who], standing, signed.get(who, ())


_NOT_SUPPRESSED: frozenset[Suppression] = frozenset()
_NOT_LOOKED_UP = Profile()

# Ids and tokens are 16 bytes here, which take less time to make and to look up than a UUID.
_PEOPLE = """
    SELECT uuid_send(id), CASE WHEN erased_at IS NULL THEN uuid_send(email_token) END, deceased,
        relationship, household
    FROM contacts_contact WHERE id = ANY(%(ids)s)
"""
# One question: most people asked for nothing, and asking takes longer than what it finds.
_WISHES = """
    SELECT 'suppression', uuid_send(address_token), ARRAY[scope, reason]::text[], NULL::integer,
        NULL::date
    FROM consent_suppression WHERE address_token = ANY(%(tokens)s) AND lifted_at IS NULL
    UNION ALL
    SELECT 'preference', uuid_send(contact_id), declined_topics::text[], most_per_month,
        paused_until
    FROM consent_preference WHERE contact_id = ANY(%(ids)s)
    UNION ALL
    SELECT 'restriction', uuid_send(contact_id), purposes::text[], NULL, NULL
    FROM consent_restriction WHERE contact_id = ANY(%(ids)s) AND ended_at IS NULL
    UNION ALL
    SELECT 'plain mail', uuid_send(contact_id), NULL, NULL, NULL
    FROM consent_plainmailwish AS wish
    WHERE contact_id = ANY(%(ids)s) AND withdrawn_at IS NULL AND address_token = (
        SELECT email_token FROM contacts_contact WHERE id = wish.contact_id AND erased_at IS NULL)
    UNION ALL
    SELECT 'confirmed', uuid_send(contact_id), NULL, NULL, NULL
    FROM consent_addressconfirmation AS answer
    WHERE %(confirm)s AND contact_id = ANY(%(ids)s) AND confirmed_at IS NOT NULL
        AND address_token = (
        SELECT email_token FROM contacts_contact WHERE id = answer.contact_id AND erased_at IS NULL)
"""


class _Wishes:
    """What people asked for, as far as it bears on one use, and what stands against addresses."""

    def __init__(
        self, use: Use, ids: UuidArray, tokens: UuidArray, now: datetime, said: InForce
    ) -> None:
        self.of_others = Asked(unconfirmed=said.confirm_addresses)
        self.by_person: dict[bytes, Asked] = {}
        suppressed: defaultdict[bytes, set[Suppression]] = defaultdict(set)
        limits: dict[UUID, int] = {}
        found = rows_about(_WISHES, ids, tokens=tokens, confirm=said.confirm_addresses)
        for what, who, words, most, until in found:
            match what:
                case "suppression":
                    suppressed[who].add(_suppression(*words))
                case "restriction":
                    purposes = {Purpose(each) for each in words}
                    self._asks(who, restricted=self._of(who).restricted | purposes)
                case "preference":
                    paused = until is not None and now.date() < until
                    self._asks(who, paused=paused, declined=str(use.topic) in words)
                    if most is not None:
                        limits[UUID(bytes=who)] = most
                case "plain mail":
                    self._asks(who, plain_mail=True)
                case "confirmed":
                    self._asks(who, unconfirmed=False)
        self.suppressions = {token: frozenset(each) for token, each in suppressed.items()}
        had = recent.received(limits, now - MONTH) if limits else {}
        for contact, most in limits.items():
            self._asks(contact.bytes, often_enough=had.get(contact, 0) >= most)

    def _asks(self, who: bytes, **more: Any) -> None:
        self.by_person[who] = self._of(who)._replace(**more)

    def _of(self, who: bytes) -> Asked:
        return self.by_person.get(who, self.of_others)


def _suppression(scope: str, reason: str) -> Suppression:
    return Suppression(SuppressionScope(scope), SuppressionReason(reason))


def standing_suppressions(tokens: Collection[UUID]) -> dict[UUID, frozenset[Suppression]]:
    """What stands against addresses, by token."""
    rows = models.Suppression.objects.filter(address_token__in=tokens, lifted_at=None)
    found: defaultdict[UUID, set[Suppression]] = defaultdict(set)
    for token, *said in rows.values_list("address_token", "scope", "reason"):
        found[token].add(_suppression(*said))
    return {token: frozenset(each) for token, each in found.items()}


def _profiles(
    use: Use, contact_ids: Collection[UUID], today: date, by_state: bool
) -> dict[bytes, Profile]:
    if not by_state and not use.prescription_field:
        return {}
    return {
        person.id.bytes: _profile(use, person.profile, today, by_state)
        for person in contacts.opened(contact_ids).values()
    }


def _profile(use: Use, profile: Mapping[str, object], today: date, by_state: bool) -> Profile:
    found = _NOT_LOOKED_UP
    if by_state:
        lives = state_of(profile.get("state"), profile.get("postal_code"))
        found = found._replace(state=lives)
    if use.prescription_field:
        ended = prescription_at(profile.get(use.prescription_field), today)
        found = found._replace(prescription=ended)
    return found
