"""Pausing and stopping in the middle of a mailing: quick, and nobody lost or mailed twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from config.demo.world import smtp_server
from delivery import queries
from delivery.models import Batch, Mailing
from delivery.rules import MailingStatus, Status
from delivery.services import mailings
from tenancy.current import acting_for
from tests.post import Post

PEOPLE = 240
IN_BETWEEN = 40
"""Messages that have arrived when somebody acts."""
AT_ONCE = 5
SECONDS = 5.0
"""Within which nothing more arrives (promise 9)."""


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, post: Post, settings: Any) -> Post:
    """A post room whose servers think for a while about every message."""
    settings.SMTP_CONNECTIONS_PER_HOST = AT_ONCE
    taken = smtp_server._Handler.handle_DATA

    async def slowly(*arguments: Any) -> str:
        await asyncio.sleep(0.05)
        return await taken(*arguments)

    monkeypatch.setattr(smtp_server._Handler, "handle_DATA", slowly)
    return post


@contextmanager
def while_sending(post: Post) -> Iterator[threading.Thread]:
    """A worker sends in a thread of its own; inside, some have arrived and many have not."""

    def work() -> None:
        try:
            post.send()
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        wait_until(lambda: arrived(post).total() >= IN_BETWEEN)
        yield worker
    finally:
        worker.join(30)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.005)


def arrived(post: Post) -> Counter[str]:
    return Counter(each.recipient for each in post.world.store.recent(2 * PEOPLE))


def addresses() -> list[str]:
    return [f"p{number:03}@riverside-mail.test" for number in range(PEOPLE)]


def steer(post: Post, what: Callable[[UUID], object], mailing: Mailing) -> float:
    """Pause or stop the mailing; the seconds until the worker has let go of it."""
    started = time.monotonic()
    with acting_for(post.organization.id):
        what(mailing.id)
    return started


def by_status(post: Post, mailing: Mailing) -> Counter[str]:
    with acting_for(post.organization.id):
        progress = queries.progress(mailing.id)
        mailing.refresh_from_db()
    assert progress.total == mailing.audience == PEOPLE, "the parts add up"
    return progress.by_status


def assert_quick(post: Post, worker: threading.Thread, started: float) -> int:
    """The worker lets go in time, and then nothing more arrives; how many had."""
    worker.join(SECONDS)
    assert not worker.is_alive()
    assert time.monotonic() - started < SECONDS
    number = arrived(post).total()
    assert IN_BETWEEN <= number < PEOPLE
    post.send()
    assert arrived(post).total() == number
    return number


def test_paused_in_the_middle_and_resumed_everybody_gets_one(slow: Post) -> None:
    mailing = slow.mailing(*addresses())
    with while_sending(slow) as worker:
        started = steer(slow, mailings.pause, mailing)
        number = assert_quick(slow, worker, started)
    status = by_status(slow, mailing)
    assert status == {Status.ACCEPTED: number, Status.QUEUED: PEOPLE - number}
    assert mailing.status == MailingStatus.PAUSED
    with acting_for(slow.organization.id):
        mailings.resume(mailing.id)
        assert not Batch.objects.filter(done=False, due_at__gt=timezone.now()).exists()
    slow.send()
    assert arrived(slow) == dict.fromkeys(addresses(), 1)
    assert by_status(slow, mailing) == {Status.ACCEPTED: PEOPLE}
    assert mailing.status == MailingStatus.FINISHED


def test_stopped_in_the_middle_the_others_are_accounted_for(slow: Post) -> None:
    mailing = slow.mailing(*addresses())
    with while_sending(slow) as worker:
        started = steer(slow, mailings.stop, mailing)
        number = assert_quick(slow, worker, started)
    assert by_status(slow, mailing) == {Status.ACCEPTED: number, Status.STOPPED: PEOPLE - number}
    assert mailing.status == MailingStatus.STOPPED
    assert max(arrived(slow).values()) == 1
    statuses = slow.statuses()
    received = arrived(slow)
    for address in addresses():
        assert (statuses[address] == Status.ACCEPTED) is (address in received)


def test_paused_and_resumed_again_and_again_everybody_gets_one(slow: Post) -> None:
    """Whoever can't decide mails nobody twice."""
    mailing = slow.mailing(*addresses())
    with while_sending(slow):
        for _ in range(6):
            steer(slow, mailings.pause, mailing)
            steer(slow, mailings.resume, mailing)
    while slow.send():
        pass
    assert arrived(slow) == dict.fromkeys(addresses(), 1)
    assert by_status(slow, mailing) == {Status.ACCEPTED: PEOPLE}
