"""Who mail comes from: senders, their domains, and what their DNS says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F

from delivery import domains
from delivery.domains import Finding, Need, PublicKey, Record, State
from delivery.models import DkimKey, Sender, SenderDomain

KEPT_PUBLISHED = timedelta(days=7)
"""So long the record of a key that signs no more must stay: what it signed is still on its way."""


def senders() -> list[Sender]:
    return list(Sender.objects.order_by("name"))


def first_sender() -> Sender | None:
    """Who mails of the organization itself come from: somebody whose domain is ready, if there is
    one."""
    ready_first = F("domain__aligned_at").asc(nulls_last=True)
    found: Sender | None = Sender.objects.order_by(ready_first, "created_at").first()
    return found


def ready_sender() -> Sender | None:
    """Who letters can come from now."""
    sender = first_sender()
    return sender if sender is not None and sender_ready(sender) else None


def senders_with_domains() -> list[tuple[SenderDomain, list[Sender]]]:
    """Each domain with its senders, by name."""
    found: dict[UUID, tuple[SenderDomain, list[Sender]]] = {}
    rows = Sender.objects.select_related("domain").order_by("domain__name", "name")
    for sender in rows:
        found.setdefault(sender.domain_id, (sender.domain, []))[1].append(sender)
    return list(found.values())


def is_ready(domain_id: UUID) -> bool:
    """Whether mail may be sent from a domain: its records stood when they were last looked at."""
    return bool(SenderDomain.objects.filter(id=domain_id, aligned_at__isnull=False).exists())


def sender_ready(sender: Sender) -> bool:
    """Whether mail may be sent from a sender's domain."""
    return is_ready(sender.domain_id)


def keys_in_use(domain_id: UUID) -> list[DkimKey]:
    """The keys that sign, or will once they are published; RSA first."""
    keys = DkimKey.objects.filter(domain_id=domain_id, retired_at=None)
    return list(keys.order_by("-algorithm", "created_at"))


def records_of(domain: SenderDomain, keys: Sequence[DkimKey]) -> list[Record]:
    """What is to be published for a domain with these keys."""
    public = [PublicKey(key.algorithm, key.selector, key.record) for key in keys]
    return domains.wanted(
        domain.name, domain.bounce_domain, public, settings.MAIL_SPF, settings.MAIL_HOSTNAME
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One record on the page: what to publish, what was found, and whether it is for a key that
    does not sign yet. `finding` is None before the first look."""

    record: Record
    finding: Finding | None
    is_next: bool


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """A record that must stay published for a while."""

    name: str
    until: datetime


@dataclass(frozen=True, slots=True)
class DomainPage:
    """A domain with all its records."""

    domain: SenderDomain
    senders: list[Sender]
    lines: list[Line]
    retired: list[RetiredKey]
    makes_keys: bool

    @property
    def missing(self) -> list[Line]:
        """What keeps mail from being sent."""
        return [
            line
            for line in self.lines
            if line.record.need is Need.MUST
            and not line.is_next
            and (line.finding is None or line.finding.state is not State.OK)
        ]


def domain_page(domain: SenderDomain, now: datetime) -> DomainPage:
    """Everything that the page of a domain shows."""
    keys = keys_in_use(domain.id)
    active = {key.algorithm for key in keys if key.active_at is not None}
    waiting = {f"dkim:{key.selector}" for key in keys if key.active_at is None}
    coming = {f"dkim:{key.selector}" for key in keys if _replaces(key, active)}
    lines = [
        Line(record, _finding(domain.findings.get(record.key)), record.key in coming)
        for record in records_of(domain, keys)
    ]
    retired = DkimKey.objects.filter(domain=domain, retired_at__gt=now - KEPT_PUBLISHED)
    return DomainPage(
        domain,
        list(Sender.objects.filter(domain=domain).order_by("name")),
        lines,
        [
            RetiredKey(f"{key.selector}._domainkey.{domain.name}", key.retired_at + KEPT_PUBLISHED)
            for key in retired.order_by("retired_at")
            if key.retired_at is not None
        ],
        makes_keys=not waiting,
    )


def _replaces(key: DkimKey, active: set[str]) -> bool:
    """Whether another key of its kind signs until this one is published."""
    return key.active_at is None and key.algorithm in active


def _finding(stored: dict[str, object] | None) -> Finding | None:
    if not stored:
        return None
    seen = stored.get("seen")
    return Finding(
        State(str(stored["state"])),
        tuple(str(each) for each in seen) if isinstance(seen, list) else (),
        str(stored.get("words") or ""),
    )
