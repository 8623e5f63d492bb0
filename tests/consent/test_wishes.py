"""What people ask for, as rows, and what becomes of it when they are erased."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection, connections
from django.utils import timezone

from consent import queries, services
from consent.models import (
    AddressConfirmation,
    PlainMailWish,
    Preference,
    Restriction,
    SigningRequest,
)
from consent.rules.purposes import Purpose
from consent.services.reindexing import _next, wish_under
from contacts import queries as contacts
from contacts.services import erase
from contacts.services.people import replace_profiles
from tenancy.current import acting_for
from tenancy.keys import forget_keys
from tenancy.models import KeyUse, new_id
from tenancy.rotation import retire
from tenancy.walks import run_walk, unfinished
from tests.consent.signed import OFFER, people, published, signed
from tests.people import Room
from tests.portal.test_preferences import WELLNESS
from tests.post import Post, ready_sender
from tests.tenancy.test_rotation import begin

NOTE = "No mail about my knee, please"


@pytest.fixture
def here(room: Room) -> Iterator[Room]:
    with acting_for(room.riverside.id):
        ready_sender("Riverside Health", "care@riverside.test")
        yield room


@pytest.fixture
def ann(here: Room) -> UUID:
    return people(1)[0]


def test_a_restriction_stops_its_purposes_until_it_ends(here: Room, ann: UUID) -> None:
    signed(ann, published(here.riverside))
    assert code(ann) == "permit"
    row = services.restrict(ann, [Purpose.MARKETING], f" {NOTE} ", contacts.today(), new_id())
    assert code(ann) == "restricted"
    assert queries.restriction_note(row) == NOTE
    assert NOTE.encode() not in bytes(row.sealed_note or b"")
    services.end_restriction(row.id, new_id())
    assert code(ann) == "permit"
    assert [each.id for each in queries.restrictions_of(ann)] == [row.id]


def code(contact: UUID) -> str:
    decision = queries.decisions(OFFER, [contact], timezone.now())[contact]
    return "permit" if decision.verdict.value == "permit" else decision.code


def test_a_restriction_of_nothing_or_of_tomorrow_is_refused(here: Room, ann: UUID) -> None:
    with pytest.raises(services.NotWishable, match="at least one"):
        services.restrict(ann, [], "", contacts.today(), new_id())
    tomorrow = contacts.today() + timedelta(days=1)
    with pytest.raises(services.NotWishable, match="future"):
        services.restrict(ann, [Purpose.MARKETING], "", tomorrow, new_id())
    assert not Restriction.objects.exists()


def test_topics_have_names_of_their_own_and_retire(here: Room) -> None:
    heart = services.create_topic(" Heart health ", "", new_id())
    assert heart.name == "Heart health"
    with pytest.raises(services.NotWishable, match="already"):
        services.create_topic("Heart health", "", new_id())
    with pytest.raises(services.NotWishable, match="a name"):
        services.rename_topic(heart.id, "  ", "")
    services.rename_topic(heart.id, "Your heart", "Su corazón")
    services.retire_topic(heart.id)
    assert queries.topics() == []
    assert [each.name for each in queries.topics(also_retired=True)] == ["Your heart"]
    assert queries.topic(heart.id) is None


def test_check_34_the_wish_holds_for_one_contact_and_one_address(here: Room) -> None:
    ann, bob = people(2)
    services.wish_plain_mail(ann, "Others could read it.", "paper", new_id())
    services.wish_plain_mail(ann, "Others could read it.", "paper", new_id())
    assert PlainMailWish.objects.count() == 1
    assert plain([ann, bob]) == {ann: True, bob: False}
    profile = contacts.opened([ann])[ann].profile
    replace_profiles({ann: {**profile, "email": "new@riverside-mail.test"}})
    assert plain([ann, bob]) == {ann: False, bob: False}
    replace_profiles({ann: profile})
    assert plain([ann])[ann] is True
    services.withdraw_plain_mail(ann)
    assert plain([ann])[ann] is False
    services.wish_plain_mail(ann, "Others could read it.", "in_person", new_id())
    assert PlainMailWish.objects.count() == 2, "each wish stays on record"


def plain(ids: list[UUID]) -> dict[UUID, bool]:
    made = queries.decisions(OFFER, ids, timezone.now())
    return {contact: decision.plain_mail for contact, decision in made.items()}


def test_an_erased_person_s_wishes_go_and_a_restriction_loses_its_words(
    here: Room, ann: UUID
) -> None:
    services.change_preferences(ann, services.Wanted(frozenset(), 2, None, True))
    services.wish_plain_mail(ann, "Others could read it.", "page", None)
    services.ask_to_confirm(ann, None)
    services.ask(ann, published(here.riverside).id, "mail", None)
    services.restrict(ann, [Purpose.MARKETING], NOTE, contacts.today(), new_id())
    erase(ann, timezone.now())
    for model in (Preference, PlainMailWish, AddressConfirmation, SigningRequest):
        assert not model.objects.exists(), model
    row = Restriction.objects.get()
    assert row.sealed_note is None
    assert queries.restriction_note(row) == ""


def test_wishes_hold_no_value_in_clear(here: Room, ann: UUID) -> None:
    email = contacts.opened([ann])[ann].email
    services.ask_to_confirm(ann, None)
    services.restrict(ann, [Purpose.MARKETING], NOTE, contacts.today(), new_id())
    services.wish_plain_mail(ann, "Others could read it.", "page", None)
    with connection.cursor() as cursor:
        for table in ("addressconfirmation", "restriction", "plainmailwish"):
            cursor.execute(f"SELECT row_to_json(t)::text FROM consent_{table} t")
            found = cursor.fetchall()
            assert found
            for (text,) in found:
                assert NOTE not in text
                assert (email or "?") not in text


def test_wishes_outlive_a_new_index_key_at_every_step(here: Room, ann: UUID) -> None:
    services.change_policy(services.Policy(True, False, 8.0, 30), new_id())
    services.wish_plain_mail(ann, "Others could read it.", "paper", None)
    row = services.ask_to_confirm(ann, None)
    link = queries.confirm_address(row)
    begin(KeyUse.INDEX)
    rank_10 = [walk for walk in unfinished() if walk.rank == 10]
    for walk in rank_10:
        run_walk(here.riverside.id, walk.id)
    assert AddressConfirmation.objects.count() == 2
    services.confirm(row.id, "It is mine")
    while waiting := unfinished():
        run_walk(here.riverside.id, waiting[0].id)
        (decision,) = queries.decisions(WELLNESS, [ann], timezone.now()).values()
        assert decision.verdict.value == "permit"
        assert decision.plain_mail
    retire(KeyUse.INDEX)
    forget_keys()
    (kept,) = AddressConfirmation.objects.all()
    assert (kept.id, kept.wording) == (row.id, "It is mine")
    assert kept.address_token == contacts.address_token(contacts.opened([ann])[ann].email or "")
    assert queries.confirm_address(kept) == link
    assert PlainMailWish.objects.count() == 1


def at_once(*acts: Callable[[], object]) -> None:
    """Each in a thread and a transaction of its own."""
    with ThreadPoolExecutor(len(acts)) as pool:
        for each in [pool.submit(_in_thread, act) for act in acts]:
            each.result()


def _in_thread(act: Callable[[], object]) -> None:
    try:
        act()
    finally:
        connections.close_all()


def test_two_topics_declined_at_once_are_both_declined(post: Post) -> None:
    (ann,) = post.people("ann@riverside-mail.test")
    here = post.organization.id
    with acting_for(here):
        heart, skin = (services.create_topic(name, "", new_id()).id for name in ("Heart", "Skin"))
    both = Barrier(2)

    def decline(topic: UUID) -> None:
        with acting_for(here):
            both.wait(10)
            services.decline_topic(ann, topic)

    at_once(lambda: decline(heart), lambda: decline(skin))
    with acting_for(here):
        assert queries.wishes_of(ann).declined_topics == {heart, skin}


def test_a_wish_withdrawn_while_it_is_copied_is_withdrawn_for_good(post: Post) -> None:
    """The walk holds the rows that it copies: a withdrawal waits, and finds the copies."""
    (ann,) = post.people("ann@riverside-mail.test")
    here, other = post.organization.id, new_id()
    with acting_for(here):
        services.wish_plain_mail(ann, "Others could read it.", "page", None)

    def withdraw() -> None:
        with acting_for(here):
            services.withdraw_plain_mail(ann)

    with ThreadPoolExecutor(1) as pool:
        with acting_for(here):
            rows = _next(PlainMailWish, None)
            withdrawing = pool.submit(_in_thread, withdraw)
            wait([withdrawing], timeout=1)
            PlainMailWish.objects.bulk_create([wish_under(each, other, "") for each in rows])
        withdrawing.result()
    with acting_for(here):
        assert PlainMailWish.objects.count() == 2
        assert not PlainMailWish.objects.filter(withdrawn_at=None).exists()
