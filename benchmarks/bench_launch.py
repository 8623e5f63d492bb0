"""`make bench-launch`: a million recipients written down, one row each, in batches by mail domain.

As a launch to everybody does it, in the transaction that opens the mailing. Where a segment asks
for more than the index knows, going through its people comes on top: `opening_and_deciding`. Beside
it stands the ceiling: PostgreSQL alone, copying the rows into a table with a primary key.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from uuid import UUID

from benchmarks.room import new_organization, report, vacuum

GOAL = 15.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=1_000_000)
    count = parser.parse_args().recipients
    from benchmarks.bench_segment import fill

    organization = new_organization()
    fill(organization, count)
    vacuum("contacts_contact")
    print(f"{count:,} contacts are there", flush=True)
    opened, seconds, audience = _plan(organization)
    ceiling = _bare(organization)
    report(
        "bench-launch",
        seconds,
        "s",
        GOAL,
        passed=seconds < GOAL,
        recipients=audience,
        opening_and_deciding=round(opened, 1),
        ceiling=round(ceiling, 1),
        ratio=round(seconds / ceiling, 1),
        rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        peers={},
    )
    return 0


def _plan(organization: UUID) -> tuple[float, float, int]:
    """Seconds to go through the people alone, seconds for all, and how many were planned."""
    from benchmarks.letters import newsletter
    from consent.rules.purposes import Information, Purpose, Remuneration, Use
    from contacts import queries as contacts
    from contacts.rules.segments import Segment
    from delivery.content import compile_content
    from delivery.services import mailings
    from delivery.services.senders import create_sender
    from tenancy.current import acting_for
    from tenancy.models import new_id

    use = Use(Purpose.TREATMENT_REMINDER, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
    with acting_for(organization):
        started = time.perf_counter()
        sum(1 for _ in contacts.matching(Segment(), contacts.today()))
        opened = time.perf_counter() - started
        fields = [each.key for each in contacts.fields()]
        mailing = mailings.create_mailing(
            new_id(),
            create_sender("Riverside Health", "care@riverside.test").id,
            compile_content("News from your clinic", "", newsletter(), fields),
            use,
            mailings.Approved("0" * 64, new_id()),
            tracking=True,
        )
    started = time.perf_counter()
    with acting_for(organization):
        people = contacts.recipients(Segment(), contacts.today())
        planned = mailings.plan(mailing.id, people)
    return opened, time.perf_counter() - started, planned.audience


def _bare(organization: UUID) -> float:
    """Seconds for PostgreSQL to copy the planned rows."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE bare (LIKE delivery_message, PRIMARY KEY (id))")
        started = time.perf_counter()
        cursor.execute("INSERT INTO bare SELECT * FROM delivery_message")
        return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
