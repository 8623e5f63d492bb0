"""Looking at the DNS of senders' domains, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from celery import current_app
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from audit import services as audit
from consent import services as consent
from delivery import domains, queries
from delivery.domains import Finding, Record, State
from delivery.models import DkimKey, SenderDomain
from delivery.services import senders
from delivery.services.couriers import make_resolver
from delivery.transports.dns import LookupFailedError, Resolver
from tenancy.current import acting_for, current_organization_id

PATIENCE = 60
"""Seconds after which a page waits no longer for a look that nobody took up."""


class KeysWait(Exception):
    """There are keys already that wait to be published."""


def ask_to_check(domain_id: UUID) -> None:
    """Have the records of a domain looked at soon, by a worker."""
    cache.set(_note(domain_id), 1, PATIENCE)
    ids = [str(current_organization_id()), str(domain_id)]
    transaction.on_commit(lambda: current_app.send_task("delivery.check_domain", ids))


def is_being_checked(domain_id: UUID) -> bool:
    """Whether somebody asked for a look that is not over yet."""
    return cache.get(_note(domain_id)) is not None


def check_domain(organization_id: UUID, domain_id: UUID) -> None:
    """Ask the DNS for each record, and write down what it says.

    Runs outside any transaction: none is open while the DNS is waited for.
    """
    with acting_for(organization_id):
        domain = SenderDomain.objects.filter(id=domain_id).first()
        if domain is None:
            return
        records = queries.records_of(domain, queries.keys_in_use(domain_id))
    seen = asyncio.run(_look_up(records))
    found = {
        record.key: domains.judge(record, texts)
        for record, texts in zip(records, seen, strict=True)
    }
    with acting_for(organization_id):
        _write_down(domain_id, records, found, timezone.now())
    cache.delete(_note(domain_id))


async def _look_up(records: Sequence[Record]) -> list[list[str] | None]:
    resolver = make_resolver()
    return list(await asyncio.gather(*(_asked(resolver, record) for record in records)))


async def _asked(resolver: Resolver, record: Record) -> list[str] | None:
    """What the DNS says in place of a record; None if there was no answer to rely on."""
    try:
        if record.kind == "MX":
            return await resolver.exchange_names(record.name)
        return await resolver.texts(record.name)
    except LookupFailedError:
        return None


def _write_down(
    domain_id: UUID, records: Sequence[Record], found: dict[str, Finding], now: datetime
) -> None:
    domain = SenderDomain.objects.select_for_update().get(id=domain_id)
    keys = queries.keys_in_use(domain_id)
    needs = {record.key: record.need for record in records}
    signing = {f"dkim:{key.selector}" for key in _signing(keys)}
    decisive = [
        (needs[key], finding.state)
        for key, finding in found.items()
        if not key.startswith("dkim:") or key in signing
    ]
    stands = domains.may_send(decisive)
    had_stood = domain.aligned_at is not None
    domain.checked_at = now
    domain.findings = {
        key: {"state": each.state.value, "seen": list(each.seen), "words": each.words}
        for key, each in found.items()
    }
    if stands:
        domain.aligned_at = domain.aligned_at or now
    elif stands is False:
        domain.aligned_at = None
    domain.save(update_fields=["checked_at", "findings", "aligned_at"])
    audit.record(
        "sender_domain_checked",
        object_type="sender_domain",
        object_id=domain_id,
        stands=domain.aligned_at is not None,
        records={key: each.state.value for key, each in found.items()},
    )
    if had_stood and domain.aligned_at is None:
        consent.raise_alert("sender_domain", "sender_domain", domain_id)
    _activate(keys, found, now)


def _signing(keys: Sequence[DkimKey]) -> list[DkimKey]:
    """The keys that mail is signed with: of each kind the active one, or else all that wait."""
    active = [key for key in keys if key.active_at is not None]
    kinds = {key.algorithm for key in active}
    return [*active, *(key for key in keys if key.algorithm not in kinds)]


def _activate(keys: Sequence[DkimKey], found: dict[str, Finding], now: datetime) -> None:
    """Sign with keys that are published now. New keys take over together, once both are."""
    waiting = [key for key in keys if key.active_at is None]
    published = [
        key
        for key in waiting
        if (finding := found.get(f"dkim:{key.selector}")) and finding.state is State.OK
    ]
    kinds = {key.algorithm for key in keys if key.active_at is not None}
    together = len(published) == len(waiting)
    senders.activate_keys([key for key in published if together or key.algorithm not in kinds], now)


def make_new_keys(domain_id: UUID) -> None:
    """Keys to publish; they sign once they are found. Raises `KeysWait` if some wait already."""
    domain = SenderDomain.objects.select_for_update().get(id=domain_id)
    if DkimKey.objects.filter(domain=domain, active_at=None, retired_at=None).exists():
        raise KeysWait(
            "There are new keys already. Publish their records and check them; they are used from"
            " then on."
        )
    senders.add_keys(domain)
    audit.record("dkim_keys_made", object_type="sender_domain", object_id=domain.id)


def _note(domain_id: UUID) -> str:
    return f"checking-domain:{domain_id}"
