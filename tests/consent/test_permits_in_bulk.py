"""Permits of a whole audience: each person's is the one that would be decided for them alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import queries, services
from consent.models import Authorization
from consent.rules.authorization import Signer
from consent.rules.decision import Regime, SuppressionReason, SuppressionScope, decide
from consent.rules.packs import Pack
from consent.rules.purposes import Purpose, Use
from contacts import queries as contacts
from contacts.models import Contact
from contacts.services import erase
from contacts.services.saving import save_many
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.consent.facts import packs, uses
from tests.consent.signed import OFFER, people, published
from tests.people import Room
from tests.post import clean, ready_sender

NUMBER = 60


@pytest.fixture
def crowd(room: Room) -> Iterator[list[UUID]]:
    """People of every standing: some share an address, some signed or asked for several things."""
    with acting_for(room.riverside.id):
        ready_sender("Riverside Health", "care@riverside.test")
        dice = Random(5)
        versions = [published(room.riverside, name) for name in ("Offers", "Research")]
        topics = [services.create_topic(name, "", new_id()).id for name in ("Heart", "Skin")]
        save_many(
            [
                clean(
                    number,
                    f"person{number % 50}@riverside-mail.test",
                    state=dice.choice(["CA", "WA", "IL", "", "Nowhere"]),
                    next_visit=dice.choice(["2026-01-01", "2099-01-01", ""]),
                )
                for number in range(NUMBER)
            ]
        )
        everybody = list(Contact.objects.order_by("id").values_list("id", flat=True))
        for who in everybody:
            for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
                _sign(dice, who, dice.choice(versions).id)
            _wish(dice, who, topics)
        for number in range(0, 50, 6):
            address, scope = f"person{number}@riverside-mail.test", dice.choice([*SuppressionScope])
            services.suppress(address, scope, dice.choice([*SuppressionReason]), "list", None)
        signers = set(Authorization.objects.values_list("contact_id", flat=True))
        for who in [each for each in everybody if each not in signers][:2]:
            erase(who, timezone.now())
        yield everybody


def _sign(dice: Random, who: UUID, version: UUID) -> None:
    represented = dice.random() < 0.2
    signed = services.record_authorization(
        services.Signature(
            who,
            version,
            contacts.today() - timedelta(days=dice.choice([3, 3, 200, 380, 900])),
            "Pat Example",
            signer=Signer.REPRESENTATIVE if represented else Signer.SELF,
            authority="mother of a minor" if represented else "",
            copy_given=dice.random() < 0.9,
        ),
        None,
    )
    if dice.random() < 0.15:
        services.revoke(signed.id, timezone.now(), "letter", None)
    if dice.random() < 0.1:
        services.dispute(signed.id, "other", None)


def _wish(dice: Random, who: UUID, topics: list[UUID]) -> None:
    if dice.random() < 0.3:
        until = dice.choice([None, contacts.today(), contacts.today() + timedelta(days=9)])
        declined = frozenset(dice.sample(topics, dice.randrange(3)))
        most = dice.choice([None, 0, 3])
        services.change_preferences(who, services.Wanted(declined, most, until, track=True))
    for purposes in ([Purpose.MARKETING], [Purpose.FUNDRAISING, Purpose.APPOINTMENT]):
        if dice.random() < 0.1:
            row = services.restrict(who, purposes, "", contacts.today(), new_id())
            if dice.random() < 0.3:
                services.end_restriction(row.id, new_id())
    if dice.random() < 0.3:
        services.wish_plain_mail(who, "Others could read it.", "paper", new_id())
        if dice.random() < 0.3:
            services.withdraw_plain_mail(who)
    if dice.random() < 0.5:
        row = services.ask_to_confirm(who, None)
        if dice.random() < 0.7:
            services.confirm(row.id, "It is mine")
    household, deceased = dice.random() < 0.2, dice.random() < 0.1
    relationship = dice.choice(["patient", "patient", "patient", "member", "prospect"])
    Contact.objects.filter(id=who).update(
        household=household, deceased=deceased, relationship=relationship
    )


def test_deciding_for_a_crowd_is_deciding_for_each_person_alone(crowd: list[UUID]) -> None:
    here = timezone.now().astimezone(ZoneInfo(queries.organization().time_zone))
    topic = queries.topics()[0].id
    seen = set()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(uses, packs, st.booleans(), st.booleans(), st.booleans())
    def check(
        use: Use, some: tuple[Pack, ...], confirmed: bool, about_topic: bool, of_refill: bool
    ) -> None:
        services.change_policy(services.Policy(confirmed, True, 8.0, 30), new_id())
        use = replace(use, topic=topic if about_topic else None)
        use = replace(use, prescription_field="next_visit" if of_refill else "")
        together = queries.decisions(use, crowd, here, Regime(some))
        asked = queries.with_policy(use)
        for who in crowd:
            (alone,) = queries.facts(asked, [who], here, bool(some)).values()
            assert together[who] == decide(asked, alone, here, Regime(some))
            seen.add(together[who].code)

    check()
    assert len(seen) > 12, "the crowd stands in too few ways"


def test_several_signatures_are_taken_from_the_right_person(room: Room) -> None:
    """People who stand alike share their grounds, and each keeps the record of their own."""
    with acting_for(room.riverside.id):
        version = published(room.riverside)
        everybody = people(6)
        newest = {}
        for who in everybody:
            for days in (30, 7, 60):
                day = contacts.today() - timedelta(days=days)
                signature = services.Signature(who, version.id, day, "Pat", copy_given=True)
                record = services.record_authorization(signature, None)
                if days == 7:
                    newest[who] = record.id
        made = queries.decisions(OFFER, everybody, timezone.now())
        assert {who: each.authorization_id for who, each in made.items()} == newest
        assert len({id(each.grounds) for each in made.values()}) == 1
