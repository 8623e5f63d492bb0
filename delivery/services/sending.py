"""Sending one batch: windows of letters over reused, verified connections."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from consent.rules.purposes import Use, use_from_json
from contacts import queries as contacts
from delivery import queries
from delivery.dkim import Signer
from delivery.letters import Composer, Letter, Origin
from delivery.models import Batch, Mailing
from delivery.rules import LONGEST_CONVERSATION
from delivery.services import batches
from delivery.services.batches import Prepared
from delivery.services.senders import signing_key
from delivery.transports.courier import Courier
from delivery.transports.dns import Resolver
from delivery.transports.outcomes import Outcome
from delivery.transports.smtp import Timeouts
from tenancy.current import acting_for, current_organization_id
from tenancy.keys import public_tokens
from tenancy.models import Organization

PATIENCE_FOR_ONE = timedelta(seconds=60)
"""Somebody sits before a page and waits for this mail."""


def send_batch(organization_id: UUID, batch_id: UUID) -> int:
    """Send what is due of a batch; returns how many letters went out.

    Runs outside any transaction: each window is prepared and recorded in one of its own, and no
    database connection is held while a slow server is talked to.
    """
    with acting_for(organization_id):
        batch = batches.claim(batch_id, timezone.now())
        if batch is None:
            return 0
        composer, signer = composer_of(batch.mailing), _signer(batch.mailing)
    sent = 0
    with asyncio.Runner() as runner:
        courier = runner.run(_courier())
        try:
            while window := _prepare(organization_id, batch, composer):
                outcomes = runner.run(_send(courier, signer, [each.letter for each in window]))
                with acting_for(organization_id):
                    pairs = list(zip(window, outcomes, strict=True))
                    batches.record(batch, pairs, timezone.now())
                sent += len(window)
        finally:
            runner.run(courier.close())
    with acting_for(organization_id):
        batches.release(batch, timezone.now())
    return sent


def send_letter(letter: Letter, signer: Signer) -> Outcome:
    """Send a single letter, such as a one-time code."""
    return send_letters([letter], signer)[0]


def send_letters(letters: Sequence[Letter], signer: Signer) -> list[Outcome]:
    """Send letters that belong to no mailing, all at once; their outcomes in the same order."""

    async def together() -> list[Outcome]:
        courier = await _courier(PATIENCE_FOR_ONE)
        try:
            return await _send(courier, signer, letters)
        finally:
            await courier.close()

    return asyncio.run(together())


def use_of(mailing: Mailing) -> Use:
    """What the mailing does with information, as it was approved."""
    return use_from_json(mailing.use)


def _prepare(organization_id: UUID, batch: Batch, composer: Composer) -> list[Prepared]:
    """The next window with letters in it; windows in which nobody has a permit are passed over."""
    while True:
        with acting_for(organization_id):
            window = batches.prepare(batch, composer, timezone.now())
        if window is None:
            return []
        if window:
            return window


async def _send(courier: Courier, signer: Signer, letters: Sequence[Letter]) -> list[Outcome]:
    async def one(letter: Letter) -> Outcome:
        envelope = await asyncio.to_thread(letter.signed, signer)
        return await courier.send(envelope, letter.protection)

    return list(await asyncio.gather(*(one(letter) for letter in letters)))


async def _courier(patience: timedelta = LONGEST_CONVERSATION) -> Courier:
    parts = [urlsplit(f"//{each}") for each in settings.MAIL_RESOLVERS]
    nameservers = [(part.hostname or "", part.port or 53) for part in parts]
    return Courier(
        Resolver(
            nameservers or None,
            [ipaddress.ip_network(network) for network in settings.MAIL_ALLOWED_NETWORKS],
        ),
        helo_name=settings.MAIL_HOSTNAME,
        ca_file=Path(settings.SMTP_CA_FILE) if settings.SMTP_CA_FILE else None,
        port=settings.SMTP_PORT,
        connections_per_host=settings.SMTP_CONNECTIONS_PER_HOST,
        timeouts=Timeouts(total=patience.total_seconds()),
    )


def composer_of(mailing: Mailing) -> Composer:
    """What writes the letters of a mailing."""
    organization = Organization.objects.get(id=current_organization_id())
    return Composer(
        Origin(organization, mailing.sender.name, mailing.sender.address),
        queries.stored_content(mailing),
        use_of(mailing),
        mailing.tracking,
        public_tokens(),
        contacts.fields_by_key(),
    )


def _signer(mailing: Mailing) -> Signer:
    sender = mailing.sender
    return Signer(sender.domain, sender.selector, signing_key(sender))
