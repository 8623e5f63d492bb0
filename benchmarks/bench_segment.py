"""`make bench-segment`: counting people in segments over a million contacts.

Each question is asked several times through `contacts.queries.count`, which is what the builder's
live count calls. Beside the median stands PostgreSQL's own count of the same tokens, without any of
our code.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from benchmarks import people
from benchmarks.room import new_organization, report, vacuum

TIMES = 7
BATCH = 5_000


def field(name: str, operator: str, *values: object) -> dict[str, object]:
    return {"kind": "field", "field": name, "operator": operator, "values": list(values)}


QUESTIONS: dict[str, tuple[float, list[dict[str, object]]]] = {
    "three equal terms, broad": (
        250,
        [field("sex", "is", "female"), field("language", "is", "en"), field("state", "is", "IL")],
    ),
    "three terms of two values each": (
        1_000,
        [
            field("sex", "one_of", "female", "male"),
            field("language", "one_of", "en", "vi"),
            field("insurance", "one_of", "Medicare", "Medicaid"),
        ],
    ),
    "three equal terms, narrow": (
        25,
        [
            field("conditions", "is", "migraine"),
            field("sex", "is", "female"),
            field("language", "is", "en"),
        ],
    ),
    "a range, its ends opened": (
        1_000,
        [
            field("conditions", "one_of", "diabetes", "hypertension"),
            field("birth_date", "age_at_least", 50),
            field("last_visit", "more_than_ago", 6, "months"),
        ],
    ),
    "fifty thousand opened": (
        1_000,
        [
            field("department", "is", "Cardiology"),
            field("language", "is", "es"),
            field("birth_date", "birthday_in_next", 2, "months"),
        ],
    ),
    "everybody opened": (
        6_000,
        [field("birth_date", "birthday_in_next", 2, "months")],
    ),
}
"""By name: the goal in milliseconds, and the conditions, all of which must hold."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    count = parser.parse_args().contacts
    organization = new_organization()
    started = time.perf_counter()
    fill(organization, count)
    vacuum("contacts_contact")
    print(f"{count:,} contacts stored in {time.perf_counter() - started:.0f} s", flush=True)
    results = {name: ask(organization, name) for name in QUESTIONS}
    for name, result in results.items():
        print(json.dumps({"question": name, **result}), flush=True)
    broad = results["three equal terms, broad"]
    report(
        "bench-segment",
        broad["ms"],
        "ms",
        QUESTIONS["three equal terms, broad"][0],
        passed=all(result["pass"] for result in results.values()),
        contacts=count,
        ceiling=broad["postgresql_ms"],
        ratio=round(broad["ms"] / broad["postgresql_ms"], 2),
        peers={},
        questions={name: result["ms"] for name, result in results.items()},
        goals={name: goal for name, (goal, _) in QUESTIONS.items()},
    )
    return 0


def fill(organization: UUID, count: int) -> None:
    """Store made-up patients."""
    from contacts import queries, services
    from contacts.rules.imports import Cleaner, suggest_mapping
    from tenancy.current import acting_for

    rows = enumerate(people.rows(count))
    with acting_for(organization):
        fields, today = queries.fields_by_key(), queries.today()
    mapping = suggest_mapping(people.HEADERS, fields)
    columns = {people.HEADERS.index(header): key for header, key in mapping.items()}
    cleaner = Cleaner(columns, fields, today)
    while batch := list(islice(rows, BATCH)):
        cleans, _ = cleaner.clean_all(batch)
        with acting_for(organization):
            services.save_many(cleans)


def ask(organization: UUID, name: str) -> dict[str, Any]:
    """The median time of one question, and what it takes PostgreSQL alone."""
    from contacts import queries
    from contacts.rules import segments
    from tenancy.current import acting_for

    goal, conditions = QUESTIONS[name]
    with acting_for(organization):
        text = json.dumps({"where": {"kind": "all", "of": conditions}})
        tree, today = segments.parse(text, queries.vocabulary()), queries.today()
        bounds = queries.bounds(tree, today)
        opened = 0 if bounds.exact else queries.count_by_index(bounds.between)
        found = queries.count(tree, today)
        times = TIMES if goal < 5_000 else 3
        took = median(lambda: queries.count(tree, today), times)
        raw = median(lambda: plain_count(bounds.certain, bounds.possible), times)
    return {
        "ms": round(took, 1),
        "goal_ms": goal,
        "pass": took <= goal,
        "matches": found,
        "opened": opened,
        "postgresql_ms": round(raw, 1),
    }


def plain_count(*questions: Any) -> list[int]:
    """The same tokens counted by the SQL function alone."""
    from contacts import queries

    different = {repr(each): each for each in questions if each is not False}
    return [queries.count_by_index(each) for each in different.values()]


def median(work: Callable[[], object], times: int) -> float:
    """Milliseconds."""
    return statistics.median(_timed(work, times))


def _timed(work: Callable[[], object], times: int) -> Iterator[float]:
    for _ in range(times):
        started = time.perf_counter()
        work()
        yield (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())
