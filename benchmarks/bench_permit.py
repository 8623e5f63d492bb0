"""`make bench-permit`: permits for a hundred thousand people, as a dispatch computes them.

Facts are read from PostgreSQL, the seal of every authorization is opened and compared, each person
is decided about and the grounds are hashed, in chunks. This process and its database connection are
pinned to the same core. Beside it stands the ceiling: the seals alone, opened from memory.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from datetime import timedelta
from itertools import islice
from random import Random
from uuid import UUID

import psutil

from benchmarks.room import new_organization, report, vacuum, work_as_a_worker

CHUNK = 2_000
GOAL = 3.0
RUNS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=100_000)
    count = parser.parse_args().recipients
    organization = new_organization()
    people = _fill(organization, count)
    work_as_a_worker()
    backend = _share_one_core(organization)
    runs = [_permits(organization, people, backend) for _ in range(RUNS)]
    seconds, cpu, codes = min(runs, key=lambda run: run[0])
    ceiling = _seals(organization, people)
    for code, number in codes.most_common():
        print(f"{number:>9,}  {code}", flush=True)
    report(
        "bench-permit",
        seconds,
        "s",
        GOAL,
        passed=seconds < GOAL,
        recipients=count,
        runs=[round(each, 2) for each, *_ in runs],
        cpu=cpu,
        ceiling=round(ceiling, 2),
        ratio=round(seconds / ceiling, 1),
        peers={},
    )
    return 0


def _fill(organization: UUID, count: int) -> list[UUID]:
    """Patients with a household of wishes: most signed, some took it back or never did."""
    from benchmarks.bench_segment import fill
    from consent import services
    from consent.rules.decision import SuppressionReason, SuppressionScope
    from consent.rules.starter import starter_form
    from contacts import queries as contacts
    from contacts.models import Contact
    from tenancy.current import acting_for
    from tenancy.models import new_id

    fill(organization, count)
    dice, who = Random(7), new_id()
    with acting_for(organization):
        text = starter_form("Riverside Health, Inc.", "privacy@riverside.test")
        version = services.publish(
            services.save_draft(None, "Offers", text.to_json(), who), text, who
        )
        people = list(Contact.objects.order_by("id").values_list("id", flat=True))
        today = contacts.today()
        signatures = (
            services.Signature(
                each,
                version.id,
                today - timedelta(days=dice.randrange(500)),
                "Pat Example",
                copy_given=True,
            )
            for each in people
            if dice.random() < 0.85
        )
        while some := list(islice(signatures, 10_000)):
            for signed in services.record_authorizations(some, who)[::25]:
                services.revoke(signed.id, signed.recorded_at, "letter", who)
        addresses = [
            str(person.email)
            for person in contacts.opened(people[: count // 20]).values()
            if person.email
        ]
        scope, reason = SuppressionScope.MARKETING, SuppressionReason.DO_NOT_CONTACT
        services.suppress_many(addresses, scope, reason, "list", who)
    consent = ("consent_authorization", "consent_revocation", "consent_suppression")
    vacuum("contacts_contact", *consent)
    return people


def _share_one_core(organization: UUID) -> psutil.Process:
    """The database's process for this connection, on the same core as this one."""
    from django.db import connection

    from tenancy.current import acting_for

    core = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, core)
    with acting_for(organization), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    backend.cpu_affinity(list(core))
    return backend


def _cpu(backend: psutil.Process) -> dict[str, float]:
    """CPU seconds so far, of this process and of its database connection."""
    spent = {"python": psutil.Process(), "postgresql": backend}
    return {name: sum(process.cpu_times()[:2]) for name, process in spent.items()}


def _permits(
    organization: UUID, people: list[UUID], backend: psutil.Process
) -> tuple[float, dict[str, float], Counter[str]]:
    """Seconds, CPU seconds of each process, and how many were decided on which ground."""
    from django.utils import timezone

    from consent import queries
    from consent.rules.decision import Decision
    from consent.rules.purposes import Information, Purpose, Remuneration, Use
    from tenancy.current import acting_for

    use = Use(
        Purpose.MARKETING,
        Remuneration.NONE,
        frozenset({Information.DEMOGRAPHIC, Information.CLINICAL}),
    )
    reached: Counter[str] = Counter()
    decided: dict[str, Decision] = {}
    started, before = time.perf_counter(), _cpu(backend)
    with acting_for(organization):
        for first in range(0, len(people), CHUNK):
            made = queries.decisions(use, people[first : first + CHUNK], timezone.now()).values()
            grounds = [each.grounds.evidence_hash for each in made]
            reached.update(grounds)
            decided.update(zip(grounds, made, strict=True))
    seconds, after = time.perf_counter() - started, _cpu(backend)
    codes: Counter[str] = Counter()
    for digest, number in reached.items():
        codes[f"{decided[digest].verdict}: {decided[digest].code}"] += number
    return seconds, {name: round(after[name] - before[name], 2) for name in after}, codes


def _seals(organization: UUID, people: list[UUID]) -> float:
    """Seconds to open every authorization's seal, already in memory, and read what is in it."""
    import orjson

    from consent.models import Authorization
    from consent.queries import AUTHORIZATION_TABLE
    from tenancy.current import acting_for
    from tenancy.keys import keyring
    from tenancy.models import KeyUse

    with acting_for(organization):
        opened = keyring(KeyUse.AUTHORIZATION).opener(AUTHORIZATION_TABLE)
        rows = [
            (key.bytes, bytes(sealed))
            for key, sealed in Authorization.objects.values_list("id", "sealed")
        ]
        started = time.perf_counter()
        for key, sealed in rows:
            orjson.loads(opened(key, sealed))
        return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
