"""Facts about people, in bulk, and the permits that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from consent import models, recent
from consent.queries.policy import organization, packs, policy
from consent.queries.signatures import authorizations_by_text, text_array
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
    use = with_policy(use)
    deciding = Deciding(use, here, regime)
    return {
        contact: deciding.decide(known)
        for contact, known in facts(use, contact_ids, here, bool(regime.packs)).items()
    }


def with_policy(use: Use) -> Use:
    """The use with what the organization says once for all of its mail."""
    given = policy().fundraising_in_notice
    return replace(use, notice_given=Answer.YES if given else Answer.NO)


class Deciding:
    """Decides for many people at one moment. Those who stand alike share their grounds.

    An audience has few kinds of people: the same form, signed by themselves, in force, nothing
    refused. What tells two of a kind apart (who, and which record) does not decide.
    """

    def __init__(self, use: Use, now: datetime, regime: Regime) -> None:
        self._use, self._now, self._regime = use, now, regime
        self._today = now.date()
        self._known: dict[object, Decision] = {}

    def decide(self, person: RecipientFacts) -> Decision:
        """The same as `consent.rules.decision.decide`, sooner."""
        if len(person.authorizations) > 1:
            return decide(self._use, person, self._now, self._regime)
        key = _STANDING(person), *map(self._kind, person.authorizations)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = decide(self._use, person, self._now, self._regime)
        if known.authorization_id is None:
            return known
        return Decision(known.grounds, person.authorizations[0].id)

    def _kind(self, signed: Authorization) -> object:
        """Everything about an authorization that decides at this moment."""
        return (
            _TEXT(signed),
            bool(signed.authority.strip()),
            signed.signed_on > self._today,
            signed.expires_at <= self._now,
            signed.revoked_at is None,
            signed.copy_given_at is None,
            *(not pack.findings(signed, self._now) for pack in self._regime.packs),
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
    names = {str(each): each for each in contact_ids}
    ids = text_array(names)
    people = _rows(_PEOPLE, ids)
    signed = authorizations_by_text(names)
    stopped = _suppressions(token for _, token, *_ in people if token)
    wishes = _Wishes(use, ids, now)
    profiles = _profiles(use, contact_ids, now.date(), by_state)
    return {
        names[who]: RecipientFacts(
            _RELATIONSHIPS[relationship],
            token is not None,
            deceased,
            tuple(signed.get(who, ())),
            stopped.get(token, _NONE),
            household=household,
            **profiles.get(who, {}),
            **wishes.of(who, token),
        )
        for who, token, deceased, relationship, household in people
    }


_NONE: frozenset[Suppression] = frozenset()
_RELATIONSHIPS = {each.value: each for each in Relationship}

# Each takes an array: thousands of parameters take longer to pass than to answer. Ids are text.
_PEOPLE = """
    SELECT id::text, CASE WHEN erased_at IS NULL THEN email_token::text END, deceased,
        relationship, household
    FROM contacts_contact WHERE id = ANY(%s::uuid[])
"""
_PREFERENCES = """
    SELECT contact_id::text, declined_topics, most_per_month, paused_until
    FROM consent_preference WHERE contact_id = ANY(%s::uuid[])
"""
_RESTRICTIONS = """
    SELECT contact_id::text, purposes FROM consent_restriction
    WHERE contact_id = ANY(%s::uuid[]) AND ended_at IS NULL
"""
_PLAIN_MAIL = """
    SELECT contact_id::text, address_token::text FROM consent_plainmailwish
    WHERE contact_id = ANY(%s::uuid[]) AND withdrawn_at IS NULL
"""
_CONFIRMED = """
    SELECT contact_id::text, address_token::text FROM consent_addressconfirmation
    WHERE contact_id = ANY(%s::uuid[]) AND confirmed_at IS NOT NULL
"""
_SUPPRESSIONS = """
    SELECT address_token::text, scope, reason FROM consent_suppression
    WHERE address_token = ANY(%s::uuid[]) AND lifted_at IS NULL
"""


def _rows(sql: str, ids: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [ids])
        return list(cursor.fetchall())


def standing_suppressions(tokens: Collection[UUID]) -> dict[UUID, frozenset[Suppression]]:
    """What stands against addresses, by token."""
    found = _suppressions(map(str, tokens))
    return {token: found[str(token)] for token in tokens if str(token) in found}


def _suppressions(tokens: Iterable[str]) -> dict[str, frozenset[Suppression]]:
    found: defaultdict[str, set[Suppression]] = defaultdict(set)
    for token, scope, reason in _rows(_SUPPRESSIONS, text_array(tokens)):
        found[token].add(Suppression(SuppressionScope(scope), SuppressionReason(reason)))
    return {token: frozenset(each) for token, each in found.items()}


class _Wishes:
    """What people asked for, as far as it bears on one use. A few queries for everybody."""

    def __init__(self, use: Use, ids: str, now: datetime) -> None:
        self._flags: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        self._restricted: defaultdict[str, set[Purpose]] = defaultdict(set)
        for who, purposes in _rows(_RESTRICTIONS, ids):
            self._restricted[who] |= {Purpose(each) for each in purposes}
        self._plain = set(_rows(_PLAIN_MAIL, ids))
        wanted = policy().confirm_addresses
        self._confirmed = set(_rows(_CONFIRMED, ids)) if wanted else None
        self._preferences(use, ids, now)
        asked = (self._flags, self._restricted, self._plain, self._confirmed is not None)
        self._nobody = not any(asked)

    def of(self, who: str, token: str | None) -> Mapping[str, Any]:
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

    def _preferences(self, use: Use, ids: str, now: datetime) -> None:
        limits = {}
        for who, declined, most, until in _rows(_PREFERENCES, ids):
            self._flags[who] = {
                "paused": until is not None and now.date() < until,
                "declined": use.topic in declined,
            }
            if most is not None:
                limits[UUID(who)] = most
        had = recent.received(limits, now - MONTH) if limits else {}
        for contact, most in limits.items():
            self._flags[str(contact)]["often_enough"] = had.get(contact, 0) >= most


def _profiles(
    use: Use, contact_ids: Collection[UUID], today: date, by_state: bool
) -> dict[str, dict[str, Any]]:
    """What has to be looked up in people's sealed profiles."""
    if not by_state and not use.prescription_field:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for person in contacts.opened(contact_ids).values():
        known: dict[str, Any] = {}
        if by_state:
            lives = (person.profile.get("state"), person.profile.get("postal_code"))
            known["state"] = state_of(*lives)
        if use.prescription_field:
            ended = person.profile.get(use.prescription_field)
            known["prescription"] = prescription_at(ended, today)
        found[str(person.id)] = known
    return found
