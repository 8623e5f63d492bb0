"""Check 36: whatever happens at the same time, and whatever was shuffled before, nobody gets what
is about somebody else."""

from __future__ import annotations

import random
import re
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast
from uuid import UUID

import pytest
from django.db import connection, connections

from contacts import queries as contacts
from contacts.rules.segments import Segment
from contacts.services import save_many
from delivery import queries
from delivery.content import compile_content
from delivery.models import Batch, Message
from delivery.rules import Status
from delivery.services import mailings, sending
from delivery.services.senders import create_sender
from encryption.cipher import CannotOpen
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.post import TREATMENT, Post, clean, publish

DOMAINS = ("riverside-mail.test", "valleymail.test", "plain-verbs.test")
NAMES = {
    f"box{number:02}@{DOMAINS[number % 3]}": f"Name{number:02}of{number:02}" for number in range(60)
}
HTML = "<p>Dear {{ first_name }}, at {{ record_number }}</p><p>{{ postal_address }}</p>"


@pytest.fixture
def planned(post: Post) -> tuple[Post, dict[str, UUID]]:
    """A mailing to sixty people, saved in one order and planned in another, in many batches."""
    shuffled = random.Random(36)
    order = list(NAMES)
    shuffled.shuffle(order)
    with acting_for(post.organization.id):
        save_many(
            [
                clean(number, each, first_name=NAMES[each], record_number=f"R{NAMES[each]}")
                for number, each in enumerate(order)
            ]
        )
        ids = [each for each, _ in contacts.matching(Segment(), contacts.today())]
        by_address = {each.email or "": each.id for each in contacts.opened(ids).values()}
        sender = create_sender("Riverside Health", "care@riverside.test")
    publish(post.organization, post.world)
    with acting_for(post.organization.id):
        mailing = mailings.create_mailing(
            new_id(),
            sender.id,
            compile_content("A note", "", HTML, [each.key for each in contacts.fields()]),
            TREATMENT,
            mailings.Approved("0" * 64, new_id()),
            tracking=True,
        )
        shuffled.shuffle(order)
        mailings.plan(
            mailing.id, [(by_address[each].bytes, each.rpartition("@")[2]) for each in order]
        )
        split(6)
    return post, by_address


def split(size: int) -> None:
    """Make small batches of the large ones, so that two workers have work at the same time."""
    whole = list(Batch.objects.all())
    for batch in whole:
        ids = list(
            Message.objects.filter(id__gte=batch.first_message, id__lte=batch.last_message)
            .order_by("id")
            .values_list("id", flat=True)
        )
        for start in range(0, len(ids), size):
            some = ids[start : start + size]
            Batch.objects.create(
                mailing_id=batch.mailing_id,
                mail_domain=batch.mail_domain,
                first_message=some[0],
                last_message=some[-1],
                due_at=batch.due_at,
            )
        batch.delete()


def two_workers_send() -> None:
    """Two threads, each with its own connection to the database, over one dispatcher."""

    def work(due: list[tuple[UUID, UUID]]) -> None:
        try:
            for each in due:
                sending.send_batch(*each)
        finally:
            connection.close()

    for _ in range(2):  # what a server can't take yet goes by the portal
        due = queries.due_batches(100)
        with ThreadPoolExecutor(2) as workers:
            list(workers.map(work, (due[::2], due[1::2])))


def assert_each_read_their_own(post: Post) -> set[str]:
    """Every mail that arrived is to and about one person; the addresses that got one."""
    reached = set()
    for arrived in post.world.store.recent(200):
        name = NAMES[arrived.recipient]
        message = cast("EmailMessage", message_from_bytes(arrived.raw, policy=policy.default))
        assert message["To"] == arrived.recipient
        for kind in ("plain", "html"):
            part = message.get_body((kind,))
            assert part is not None
            assert re.findall(r"Name\d\dof\d\d", part.get_content()) == [name, name]
        assert arrived.recipient not in reached, "nobody gets two"
        reached.add(arrived.recipient)
    return reached


def test_check_36_two_workers_pair_every_letter_with_its_own_reader(
    planned: tuple[Post, dict[str, UUID]],
) -> None:
    post, _ = planned
    two_workers_send()
    assert assert_each_read_their_own(post) == set(NAMES)


def test_check_36_profiles_in_others_rows_are_refused_and_nothing_of_theirs_goes(
    planned: tuple[Post, dict[str, UUID]],
) -> None:
    """Somebody with the database's owner password swapped two, and moved a third's into a fourth's
    row: a seal opens in its own row alone."""
    post, by_address = planned
    one, two, three, four = list(NAMES)[:4]
    ids = [by_address[each] for each in (one, two, three, four)]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """UPDATE contacts_contact c SET profile = other.profile FROM contacts_contact other
            WHERE (c.id, other.id) IN ((%s, %s), (%s, %s), (%s, %s))""",
            [ids[0], ids[1], ids[1], ids[0], ids[3], ids[2]],
        )
        assert cursor.rowcount == 3
    connections["owner"].close()
    two_workers_send()
    assert assert_each_read_their_own(post) == set(NAMES) - {one, two, four}
    with acting_for(post.organization.id):
        refused = Message.objects.filter(contact_id__in=[ids[0], ids[1], ids[3]])
        assert {(each.status, each.reason) for each in refused} == {
            (Status.FAILED.value, "unreadable")
        }
        assert not any(each.sealed_context for each in refused)
        assert Message.objects.get(contact_id=ids[2]).status == Status.ACCEPTED


def test_check_36_a_swapped_merge_context_opens_nowhere_else(
    planned: tuple[Post, dict[str, UUID]],
) -> None:
    """What a message was filled with is kept for the portal, sealed to the message's row."""
    post, by_address = planned
    two_workers_send()
    one, two = (by_address[each] for each in list(NAMES)[:2])
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """UPDATE delivery_message m SET sealed_context = other.sealed_context
            FROM delivery_message other
            WHERE (m.contact_id, other.contact_id) IN ((%s, %s), (%s, %s))""",
            [one, two, two, one],
        )
    connections["owner"].close()
    with acting_for(post.organization.id):
        for contact in (one, two):
            with pytest.raises(CannotOpen):
                queries.merge_context(Message.objects.get(contact_id=contact))
