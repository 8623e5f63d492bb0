"""Stopping, slow workers and giving up: the odd moments of a mailing's life."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.demo.world import smtp_server
from config.demo.world.tempers import Temper
from contacts import queries as contacts
from delivery import queries
from delivery.models import Batch, DkimKey, Mailing, Message
from delivery.rules import GIVE_UP_AFTER, MailingStatus, Status
from delivery.services import batches, mailings, sending
from delivery.services.senders import create_sender
from delivery.transports.outcomes import Accepted, Deferred, Evidence, Outcome, Stage
from tenancy.current import acting_for
from tests.mail.world import domain_of
from tests.post import Post

ANN, BUSY = "ann@riverside-mail.test", f"bob@{domain_of(Temper.ALWAYS_451)}"
SEEN = Evidence(stage=Stage.CONTENT)


def in_the_air(post: Post) -> tuple[Batch, batches.Record]:
    """A worker has prepared a chunk, and its content is about to leave."""
    ((_, batch_id),) = queries.due_batches(10)
    with acting_for(post.organization.id):
        batch = batches.claim(batch_id, timezone.now())
        assert batch is not None
        composer = sending.composer_of(batch.mailing)
        record = batches.Record(
            batch, composer.use, batches.prepare(batch, composer, 50, timezone.now()) or []
        )
        ids = [each.key for each in record.letters()]
        assert record.write_down(ids, [], timezone.now()) == (set(ids), True)
    return batch, record


def answer(post: Post, batch: Batch, record: batches.Record, outcome: Outcome) -> None:
    with acting_for(post.organization.id):
        record.write_down([], [(each.key, outcome) for each in record.letters()], timezone.now())
        batches.release(batch, timezone.now())


def lease_runs_out(post: Post) -> None:
    with acting_for(post.organization.id):
        Batch.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_what_is_in_the_air_when_the_mailing_stops_does_not_wait_for_ever(post: Post) -> None:
    mailing = post.mailing(ANN)
    batch, record = in_the_air(post)
    with acting_for(post.organization.id):
        mailings.stop(mailing.id)
    answer(post, batch, record, Deferred(kind="busy", evidence=SEEN))
    assert post.statuses() == {ANN: Status.STOPPED}
    with acting_for(post.organization.id):
        assert queries.progress(mailing.id).in_flight == 0


@pytest.mark.parametrize("steer", [mailings.stop, mailings.pause])
def test_a_dead_worker_s_messages_are_looked_into_whatever_became_of_the_mailing(
    post: Post, steer: object
) -> None:
    mailing = post.mailing(ANN)
    in_the_air(post)
    with acting_for(post.organization.id):
        steer(mailing.id)  # type: ignore[operator]
    lease_runs_out(post)
    post.send()
    assert post.statuses() == {ANN: Status.UNCERTAIN}
    assert queries.due_batches(10) == []


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Accepted(evidence=SEEN), Status.ACCEPTED),
        (Deferred(kind="busy", evidence=SEEN), Status.UNCERTAIN),
    ],
)
def test_a_slow_worker_s_late_answer_clears_doubt_and_never_makes_a_second_copy(
    post: Post, outcome: Outcome, status: Status
) -> None:
    post.mailing(ANN)
    batch, record = in_the_air(post)
    lease_runs_out(post)
    post.send()
    assert post.statuses() == {ANN: Status.UNCERTAIN}
    answer(post, batch, record, outcome)
    assert post.statuses() == {ANN: status}
    assert post.send() == 0
    assert not post.world.store.recent(1)


def test_a_server_that_always_defers_is_given_up_after_two_days(post: Post) -> None:
    mailing = post.mailing(BUSY)
    post.send()
    assert post.message(BUSY).status == Status.QUEUED
    with acting_for(post.organization.id):
        Message.objects.update(first_attempt_at=timezone.now() - GIVE_UP_AFTER)
    post.due_now()
    post.send()
    message = post.message(BUSY)
    assert (message.status, message.reason) == (Status.FAILED, "gave_up")
    with acting_for(post.organization.id):
        assert Mailing.objects.get(id=mailing.id).status == MailingStatus.FINISHED


def test_senders_of_one_domain_share_its_keys(post: Post) -> None:
    with acting_for(post.organization.id):
        one, two = (create_sender("Care", f"{name}@riverside.test") for name in ("one", "two"))
        keys = DkimKey.objects.filter(domain=one.domain)
        assert sorted(keys.values_list("algorithm", flat=True)) == ["ed25519", "rsa"]
    assert one.domain_id == two.domain_id


def test_the_permit_is_stored_with_the_message(post: Post) -> None:
    post.mailing(ANN)
    post.send()
    message = post.message(ANN)
    with acting_for(post.organization.id):
        assert message.evidence is not None
        assert message.evidence.body["verdict"] == "permit"
    assert message.decided_at is not None
    assert message.protection["level"] == "L2"


def test_case_28_killed_between_the_answer_and_the_commit_is_uncertain(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.mailing(ANN)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batches, "_settled", killed)
        with pytest.raises(KeyboardInterrupt):
            post.send()
    assert len(post.world.store.messages_for(ANN)) == 1, "the server had taken it"
    assert post.statuses() == {ANN: Status.TRANSMITTING}
    post.due_now()
    post.send()
    assert post.statuses() == {ANN: Status.UNCERTAIN}
    assert len(post.world.store.messages_for(ANN)) == 1


def test_case_38_an_address_is_written_to_as_given_and_folded_only_to_compare(post: Post) -> None:
    given = "Postmaster+Flu.News@riverside-mail.test"
    post.mailing(given)
    post.send()
    assert f"To: {given}\r\n".encode() in post.world.store.recent(1)[0].raw
    with acting_for(post.organization.id):
        token = contacts.address_token
        assert token(given) == token(given.upper())
        assert token(given) != token("postmaster@riverside-mail.test")


def test_after_the_last_moment_nothing_more_leaves(post: Post) -> None:
    """What is left is failed with its reason, and tried no more."""
    mailing = post.mailing("ann@riverside-mail.test", "bob@riverside-mail.test")
    with acting_for(post.organization.id):
        Mailing.objects.filter(id=mailing.id).update(send_until=timezone.now())
    post.send()
    assert set(post.statuses().values()) == {"failed"}
    assert post.message("ann@riverside-mail.test").reason == "too_late"
    assert not post.world.store.recent(10)


def test_the_last_moment_counts_up_to_the_content(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passes after the letters were written and before a server takes one."""
    mailing = post.mailing("ann@riverside-mail.test")
    write_down = batches.Record.write_down

    def too_late(record: batches.Record, *arguments: Any) -> Any:
        over = timezone.now() - timedelta(seconds=1)
        record._batch.mailing.send_until = over
        Mailing.objects.filter(id=mailing.id).update(send_until=over)
        return write_down(record, *arguments)

    monkeypatch.setattr(batches.Record, "write_down", too_late)
    post.send()
    message = post.message("ann@riverside-mail.test")
    assert (message.status, message.reason) == ("failed", "too_late")
    assert not post.world.store.recent(10)


def test_a_server_that_hangs_up_while_we_write_down_got_no_content(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the message is not in doubt, and is tried again."""

    async def hangs_up(server: Any, _argument: str | None) -> None:
        await server.push("354 go on")
        await asyncio.sleep(0.05)
        server.transport.close()

    write_down = batches.Record.write_down

    def slowly(*arguments: Any) -> Any:
        time.sleep(0.2)
        return write_down(*arguments)

    monkeypatch.setattr(smtp_server.Connection, "smtp_DATA", hangs_up)
    monkeypatch.setattr(batches.Record, "write_down", slowly)
    post.mailing("ann@riverside-mail.test")
    post.send()
    message = post.message("ann@riverside-mail.test")
    assert message.status == "queued"
    assert message.next_attempt_at is not None
