"""What people did with their messages, as segments ask for it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import queries as contacts
from contacts.conditions import facts_about
from contacts.rules.segments import FactKey, Segment, parse
from contacts.services import save_many
from delivery.models import Event, Mailing, Message
from delivery.queries import engaged
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.people import Room
from tests.post import clean

NOW = timezone.now()


@pytest.fixture
def people(room: Room) -> list[UUID]:
    with acting_for(room.riverside.id):
        save_many([clean(n, f"pat{n}@riverside-mail.test") for n in range(3)])
        return sorted(contact for contact, _ in contacts.matching(Segment(), contacts.today()))


def mailing(*, tracking: bool = True) -> Mailing:
    made: Mailing = Mailing.objects.create(
        reference=new_id(),
        sender=create_sender("Care", f"care-{new_id().hex}@riverside.test"),
        sealed_content=b"",
        approved_by=new_id(),
        tracking=tracking,
    )
    return made


def message(of: Mailing, contact: UUID, days_ago: int, status: str = "accepted") -> Message:
    made: Message = Message.objects.create(
        mailing=of, contact_id=contact, status=status, settled_at=NOW - timedelta(days_ago)
    )
    return made


def happened(to: Message, kind: str, verdict: str = "person") -> None:
    Event.objects.create(
        id=new_id(),
        message_id=to.id,
        mailing_id=to.mailing_id,
        kind=kind,
        verdict=verdict,
        occurred_at=NOW,
    )


def true_of(people: list[UUID], *subjects: str) -> list[set[str]]:
    found = engaged(people, subjects, NOW + timedelta(seconds=1))
    return [set(found.get(each, ())) for each in people]


def test_the_last_messages_are_those_that_arrived_and_count_opens(
    room: Room, people: list[UUID]
) -> None:
    ann, bob, _ = people
    with acting_for(room.riverside.id):
        first, second, third, quiet = mailing(), mailing(), mailing(), mailing(tracking=False)
        happened(message(first, ann, 9), "opened")
        message(second, ann, 8)
        message(third, ann, 7, "failed")
        message(quiet, ann, 6)
        happened(message(first, bob, 9), "opened")
        happened(message(second, bob, 8), "opened", "scanner")
        message(third, bob, 7)
        subjects = ("opened:last:1", "opened:last:2", "opened:last:3")
        assert true_of(people, *subjects) == [
            {"opened:last:2", "opened:last:3"},
            {"opened:last:3"},
            set(),
        ]


def test_people_open_and_click_and_machines_do_not(room: Room, people: list[UUID]) -> None:
    ann, bob, cid = people
    with acting_for(room.riverside.id):
        sent = mailing()
        happened(message(sent, ann, 3), "clicked", "unknown")
        to_bob = message(sent, bob, 3)
        happened(to_bob, "opened", "proxy")
        happened(to_bob, "clicked", "scanner")
        happened(message(sent, cid, 3, "in_portal"), "picked_up", "")
        opened, clicked = (f"{event}:campaign:{sent.reference}" for event in ("opened", "clicked"))
        assert true_of(people, opened, clicked) == [{opened, clicked}, set(), {opened}]


def test_days_and_campaigns_bound_what_was_received(room: Room, people: list[UUID]) -> None:
    ann, bob, cid = people
    with acting_for(room.riverside.id):
        old, new = mailing(), mailing()
        message(old, ann, 40)
        message(new, bob, 20)
        message(new, cid, 20, "suppressed")
        subjects = ("received:days:30", "received:days:60", f"received:campaign:{new.reference}")
        assert true_of(people, *subjects) == [{subjects[1]}, set(subjects), set()]


def test_only_events_of_the_last_days_count(room: Room, people: list[UUID]) -> None:
    ann, *_ = people
    with acting_for(room.riverside.id):
        happened(message(mailing(), ann, 60), "opened")
        later = NOW + timedelta(days=31)
        assert engaged(people, ["opened:days:30"], later) == {}
        assert engaged(people, ["opened:days:32"], later) == {ann: {"opened:days:32"}}


def test_another_organization_knows_nothing_of_it(room: Room, people: list[UUID]) -> None:
    with acting_for(room.riverside.id):
        happened(message(mailing(), people[0], 1), "opened")
    with acting_for(room.lakeside.id):
        assert engaged(people, ["opened:last:3", "received:days:9"], NOW) == {}


def test_the_number_of_queries_does_not_grow_with_the_people(
    room: Room, people: list[UUID]
) -> None:
    facts: list[FactKey] = [("engagement", "opened:last:3"), ("engagement", "received:days:9")]
    with acting_for(room.riverside.id):
        sent = mailing()
        for contact in people:
            happened(message(sent, contact, 3), "opened")
        counts = []
        for some in (people[:1], people):
            with CaptureQueriesContext(connection) as asked:
                facts_about(some, facts)
            counts.append(len(asked))
        assert counts[0] == counts[1] <= 2 * len(facts)


def test_a_segment_of_quiet_readers_finds_them(room: Room, people: list[UUID]) -> None:
    ann, bob, _ = people
    with acting_for(room.riverside.id):
        sent = mailing()
        happened(message(sent, ann, 3), "opened")
        message(sent, bob, 3)
        tree = parse(
            """{"where": {"kind": "all", "of": [
                {"kind": "engagement", "event": "received", "state": "did", "scope": {"days": 30}},
                {"kind": "engagement", "event": "opened", "state": "did_not", "scope": {"last": 5}}
            ]}}""",
            contacts.vocabulary(),
        )
        assert [contact for contact, _ in contacts.matching(tree, contacts.today())] == [bob]
