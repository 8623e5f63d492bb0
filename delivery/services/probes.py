"""Asking mail servers, before anything is sent, whether they can be sent to.

Only domains that many people share are named to the queue: the domain of few may name a person.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from contacts.rules.counts import SMALL
from delivery.services import postures
from delivery.services.couriers import make_courier
from delivery.transports.outcomes import Level, ProbeOutcome

AT_MOST = 50
"""Mail domains that are asked for one look at a page."""
AGAIN_AFTER = 3600
"""Seconds within which a domain is asked once, whoever wants to know."""
PATIENCE_FOR_ONE = timedelta(seconds=30)
GIVEN_UP_AFTER = 90
"""Seconds after which a page waits no longer for answers."""
ANSWERED = 0.0


def worth_asking(people: Mapping[str, int]) -> list[str]:
    """Of domains, by how many people they have: which may be asked now, the largest first."""
    large = [domain for domain, number in people.items() if number > SMALL]
    large.sort(key=lambda domain: (-people[domain], domain))
    known = cache.get_many([_note(domain) for domain in large])
    return [domain for domain in large if _note(domain) not in known][:AT_MOST]


def ask(ticket: UUID, domains: Sequence[str], level: Level) -> int:
    """Have the mail servers of domains asked; returns how many. `ticket` asks after them."""
    now = time.time()
    asked = [each for each in domains[:AT_MOST] if cache.add(_note(each), now, AGAIN_AFTER)]
    if asked:
        cache.set(_ticket(ticket), [_note(each) for each in asked], AGAIN_AFTER)
        current_app.send_task("delivery.probe_domains", [asked, level])
    return len(asked)


def unanswered(ticket: UUID) -> int:
    """How many of the servers that were asked last for a ticket have not answered yet."""
    notes = cache.get_many(cache.get(_ticket(ticket)) or [])
    since = time.time() - GIVEN_UP_AFTER
    return sum(1 for asked_at in notes.values() if asked_at > since)


def probe_domains(domains: Sequence[str], level: Level) -> None:
    """Ask the servers of domains, all at once, and remember what they said. No transaction is open
    meanwhile."""
    seen = asyncio.run(_probed(domains, level))
    postures.remember_probes(seen, timezone.now())
    cache.set_many({_note(domain): ANSWERED for domain in domains}, AGAIN_AFTER)


async def _probed(domains: Sequence[str], level: Level) -> dict[str, ProbeOutcome]:
    courier = make_courier(PATIENCE_FOR_ONE)
    try:
        outcomes = await asyncio.gather(
            *(courier.probe(domain, minimum_level=level) for domain in domains)
        )
    finally:
        await courier.close()
    return dict(zip(domains, outcomes, strict=True))


def _note(domain: str) -> str:
    """The cache is no place for names; and each database remembers its own answers."""
    noted = f"{connection.settings_dict['NAME']} {domain}"
    return f"probed:{hashlib.sha256(noted.encode()).hexdigest()[:32]}"


def _ticket(ticket: UUID) -> str:
    return f"probes:{ticket}"
