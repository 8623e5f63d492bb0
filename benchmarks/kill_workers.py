"""`make kill-workers`: workers are killed at random moments, hundreds of times, and then everything
is counted: nobody lost, nobody twice, and in doubt is only what was in the air.

Real PostgreSQL, real TLS, SIGKILL. Each round starts a worker, kills it within moments, lets its
lease run out, and counts the mailing. The last round runs to its end. Then what the server took is
compared with what the rows say.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from random import Random
from uuid import UUID

from benchmarks.post_room import Sink, mailing_to_all, organization_with
from benchmarks.room import report

CONNECTIONS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    sink = Sink(connections=CONNECTIONS)
    organization = organization_with(rounds * 150)
    mailing = mailing_to_all(organization)
    dice = Random(os.urandom(8))
    doubts: Counter[int] = Counter()
    in_doubt = killed = 0
    for number in range(rounds):
        worker = _worker()
        time.sleep(dice.uniform(0.02, 1.5))
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        _wait_for_its_last_commit()
        killed += 1
        now_in_doubt = _take_over(organization, mailing)
        doubts[now_in_doubt - in_doubt] += 1
        in_doubt = now_in_doubt
        if number % 20 == 19:
            print(f"{number + 1:>5} workers killed, {in_doubt} messages in doubt", flush=True)
    _finish()
    counted = sink.stop()
    found = _compare(organization, mailing, sink.identifiers(), counted)
    report(
        "kill-workers",
        killed,
        "workers killed",
        rounds,
        passed=found["ok"] and max(doubts) <= 2 * CONNECTIONS,
        **found,
        most_doubt_of_one_kill=max(doubts),
        allowed_doubt_of_one_kill=2 * CONNECTIONS,
        peers={},
    )
    return 0 if found["ok"] else 1


def _worker() -> int:
    """A worker that sends whatever is due; its process id."""
    from django.db import connections

    connections.close_all()
    child = os.fork()
    if child:
        return child
    _finish()
    os._exit(0)


def _finish() -> None:
    from delivery import queries
    from delivery.services import sending

    while due := queries.due_batches(10):
        for each in due:
            sending.send_batch(*each)


def _wait_for_its_last_commit() -> None:
    """PostgreSQL may still be about a commit that the killed worker sent; a lease, which runs for
    minutes, is over long after that."""
    from django.db import connection

    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with connection.cursor() as cursor:
        for _ in range(1_000):
            cursor.execute(others)
            if not cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise TimeoutError("the killed worker's connection stays open")


def _take_over(organization: UUID, mailing: UUID) -> int:
    """The killed worker's lease runs out, and somebody looks into its batch; how many messages are
    in doubt by now. The parts must add up to the audience at this instant as well."""
    from datetime import timedelta

    from django.utils import timezone

    from delivery import queries
    from delivery.models import Batch, Mailing
    from delivery.rules import Status
    from delivery.services import batches
    from tenancy.current import acting_for

    with acting_for(organization):
        held = Batch.objects.exclude(lease_until=None)
        for batch in held.values_list("id", flat=True):
            ended = timezone.now() - timedelta(seconds=1)
            Batch.objects.filter(id=batch).update(lease_until=ended)
            taken = batches.claim(batch, timezone.now())
            if taken is not None:
                batches.release(taken, timezone.now())
        progress = queries.progress(mailing)
        assert progress.total == Mailing.objects.get(id=mailing).audience, "the parts add up"
        assert not progress.by_status[Status.TRANSMITTING]
        return progress.by_status[Status.UNCERTAIN]


def _compare(
    organization: UUID, mailing: UUID, arrived: set[str], counted: dict[str, int]
) -> dict[str, object]:
    """Rows against what the server took."""
    from delivery.models import Mailing, Message
    from delivery.rules import Status
    from tenancy.current import acting_for

    with acting_for(organization):
        rows = Message.objects.filter(mailing_id=mailing).values_list("id", "status")
        statuses = {identifier.hex: status for identifier, status in rows}
        audience = Mailing.objects.get(id=mailing).audience
    twice = counted["messages"] - counted["different"]
    accepted = {each for each, status in statuses.items() if status == Status.ACCEPTED}
    uncertain = {each for each, status in statuses.items() if status == Status.UNCERTAIN}
    lost = accepted - arrived
    unknown = arrived - accepted - uncertain
    by_status = Counter(statuses.values())
    return {
        "ok": not (twice or lost or unknown) and by_status.total() == audience,
        "audience": audience,
        "by_status": dict(by_status),
        "arrived": counted["messages"],
        "arrived_twice": twice,
        "accepted_but_never_arrived": len(lost),
        "arrived_but_neither_accepted_nor_in_doubt": len(unknown),
        "in_doubt_that_arrived": len(uncertain & arrived),
    }


if __name__ == "__main__":
    sys.exit(main())
