"""Facts about people, in bulk, and the permits that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from consent import models, recent
from consent.queries.policy import organization, packs, policy
from consent.queries.signatures import authorizations_by_bytes
from consent.rules.authorization import Authorization
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
    here = now.astimezone(ZoneInfo(organization().time_zone))
    regime = regime or Regime(packs())
    said = policy()
    use = with_policy(use, said)
    deciding = Deciding(use, here, regime)
    people = _known(use, contact_ids, here, bool(regime.packs), said)
    return {contact: deciding.decide(person) for contact, person in people}


def with_policy(use: Use, said: models.ConsentPolicy | None = None) -> Use:
    """The use with what the organization says once for all of its mail."""
    given = (said or policy()).fundraising_in_notice
    return replace(use, notice_given=Answer.YES if given else Answer.NO)


class Deciding:
    """Decides for many people at one moment. Those who stand alike share their grounds.

    An audience has few kinds of people: the same form, signed by themselves, in force, nothing
    refused. What tells two of a kind apart (who, and which record) does not decide.
    """

    def __init__(self, use: Use, now: datetime, regime: Regime) -> None:
        self._use, self._now, self._regime = use, now, regime
        self._today, self._moment = now.date(), now.astimezone(UTC)  # compared faster within a zone
        self._known: dict[object, Decision] = {}

    def decide(self, person: RecipientFacts) -> Decision:
        """The same as `consent.rules.decision.decide`, sooner."""
        signed = person.authorizations
        if len(signed) > 1:
            return decide(self._use, person, self._now, self._regime)
        key = _STANDING(person), self._kind(signed[0]) if signed else None
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = decide(self._use, person, self._now, self._regime)
        if known.authorization_id is None:
            return known
        return Decision(known.grounds, signed[0].id)

    def _kind(self, signed: Authorization) -> object:
        """Everything about an authorization that decides at this moment."""
        packs = self._regime.packs
        return (
            _TEXT(signed),
            bool(signed.authority.strip()),
            signed.signed_on > self._today,
            signed.expires_at <= self._moment,
            signed.revoked_at is None,
            signed.copy_given_at is None,
            tuple(not pack.findings(signed, self._now) for pack in packs) if packs else (),
        )


_STANDING = attrgetter(
    *(each.name for each in fields(RecipientFacts) if each.name != "authorizations")
)
_WHEN_AND_WHO = {"id", "signed_on", "expires_at", "authority", "revoked_at", "copy_given_at"}
_TEXT = attrgetter(*(each.name for each in fields(Authorization) if each.name not in _WHEN_AND_WHO))


def facts(
    use: Use, contact_ids: Collection[UUID], now: datetime, by_state: bool
) -> dict[UUID, RecipientFacts]:
    """What a decision about this use needs to know of each person.

    `now` is in the organization's zone. States and prescriptions are looked up only where the use
    or a state pack asks for them, because that opens profiles. Somebody erased has no address.
    """
    return dict(_known(use, contact_ids, now, by_state, policy()))


def _known(
    use: Use,
    contact_ids: Collection[UUID],
    now: datetime,
    by_state: bool,
    said: models.ConsentPolicy,
) -> Iterator[tuple[UUID, RecipientFacts]]:
    """One person after the other, so that thousands need not stand in memory together."""
    names = {each.bytes: each for each in contact_ids}
    ids = uuid_array(names)
    people = rows_about(_PEOPLE, ids)
    signed = authorizations_by_bytes(ids)
    stopped = _suppressions([token for _, token, *_ in people if token])
    wishes = _Wishes(use, ids, now, said.confirm_addresses)
    profiles = _profiles(use, contact_ids, now.date(), by_state)
    for who, token, deceased, relationship, household in people:
        yield (
            names[who],
            RecipientFacts(
                _RELATIONSHIPS[relationship],
                token is not None,
                deceased,
                signed.get(who, ()),
                stopped.get(token, _NONE),
                household=household,
                **profiles.get(who, {}),
                **wishes.of(who, token),
            ),
        )


_NONE: frozenset[Suppression] = frozenset()
_RELATIONSHIPS = {each.value: each for each in Relationship}

# Ids and tokens are 16 bytes here, which take less time to make and to look up than a UUID.
_PEOPLE = """
    SELECT uuid_send(id), CASE WHEN erased_at IS NULL THEN uuid_send(email_token) END, deceased,
        relationship, household
    FROM contacts_contact WHERE id = ANY(%(ids)s)
"""
_PREFERENCES = """
    SELECT uuid_send(contact_id), declined_topics, most_per_month, paused_until
    FROM consent_preference WHERE contact_id = ANY(%(ids)s)
"""
_RESTRICTIONS = """
    SELECT uuid_send(contact_id), purposes FROM consent_restriction
    WHERE contact_id = ANY(%(ids)s) AND ended_at IS NULL
"""
_PLAIN_MAIL = """
    SELECT uuid_send(contact_id), uuid_send(address_token) FROM consent_plainmailwish
    WHERE contact_id = ANY(%(ids)s) AND withdrawn_at IS NULL
"""
_CONFIRMED = """
    SELECT uuid_send(contact_id), uuid_send(address_token) FROM consent_addressconfirmation
    WHERE contact_id = ANY(%(ids)s) AND confirmed_at IS NOT NULL
"""
_SUPPRESSIONS = """
    SELECT uuid_send(address_token), scope, reason FROM consent_suppression
    WHERE address_token = ANY(%(ids)s) AND lifted_at IS NULL
"""


def standing_suppressions(tokens: Collection[UUID]) -> dict[UUID, frozenset[Suppression]]:
    """What stands against addresses, by token."""
    found = _suppressions([token.bytes for token in tokens])
    return {token: found[token.bytes] for token in tokens if token.bytes in found}


def _suppressions(tokens: Collection[bytes]) -> dict[bytes, frozenset[Suppression]]:
    found: defaultdict[bytes, set[Suppression]] = defaultdict(set)
    for token, scope, reason in rows_about(_SUPPRESSIONS, uuid_array(tokens)):
        found[token].add(Suppression(SuppressionScope(scope), SuppressionReason(reason)))
    return {token: frozenset(each) for token, each in found.items()}


class _Wishes:
    """What people asked for, as far as it bears on one use. A few queries for everybody."""

    def __init__(self, use: Use, ids: UuidArray, now: datetime, confirmed: bool) -> None:
        self._flags: defaultdict[bytes, dict[str, bool]] = defaultdict(dict)
        self._restricted: defaultdict[bytes, set[Purpose]] = defaultdict(set)
        for who, purposes in rows_about(_RESTRICTIONS, ids):
            self._restricted[who] |= {Purpose(each) for each in purposes}
        self._plain = set(rows_about(_PLAIN_MAIL, ids))
        self._confirmed = set(rows_about(_CONFIRMED, ids)) if confirmed else None
        self._preferences(use, ids, now)
        asked = (self._flags, self._restricted, self._plain, self._confirmed is not None)
        self._nobody = not any(asked)

    def of(self, who: bytes, token: bytes | None) -> Mapping[str, Any]:
        """Arguments for `RecipientFacts`."""
        if self._nobody:
            return {}
        found: dict[str, Any] = dict(self._flags.get(who, {}))
        if who in self._restricted:
            found["restricted"] = frozenset(self._restricted[who])
        if (who, token) in self._plain:
            found["plain_mail"] = True
        if self._confirmed is not None and (who, token) not in self._confirmed:
            found["unconfirmed"] = True
        return found

    def _preferences(self, use: Use, ids: UuidArray, now: datetime) -> None:
        limits = {}
        for who, declined, most, until in rows_about(_PREFERENCES, ids):
            self._flags[who] = {
                "paused": until is not None and now.date() < until,
                "declined": use.topic in declined,
            }
            if most is not None:
                limits[UUID(bytes=who)] = most
        had = recent.received(limits, now - MONTH) if limits else {}
        for contact, most in limits.items():
            self._flags[contact.bytes]["often_enough"] = had.get(contact, 0) >= most


def _profiles(
    use: Use, contact_ids: Collection[UUID], today: date, by_state: bool
) -> dict[bytes, dict[str, Any]]:
    """What has to be looked up in people's sealed profiles."""
    if not by_state and not use.prescription_field:
        return {}
    found: dict[bytes, dict[str, Any]] = {}
    for person in contacts.opened(contact_ids).values():
        known: dict[str, Any] = {}
        if by_state:
            lives = (person.profile.get("state"), person.profile.get("postal_code"))
            known["state"] = state_of(*lives)
        if use.prescription_field:
            ended = person.profile.get(use.prescription_field)
            known["prescription"] = prescription_at(ended, today)
        found[person.id.bytes] = known
    return found
