"""Sending one batch: chunks of letters over reused, verified connections."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from consent.rules.purposes import Use, use_from_json
from contacts import queries as contacts
from delivery import queries
from delivery.dkim import Signer
from delivery.letters import Composer, Letter, Origin
from delivery.models import Batch, Mailing
from delivery.services import batches
from delivery.services.batches import Record
from delivery.services.couriers import dispatcher, make_courier
from delivery.services.senders import signer_of
from delivery.transports.courier import Courier
from delivery.transports.outcomes import Outcome
from tenancy.current import acting_for, current_organization_id
from tenancy.keys import public_tokens
from tenancy.models import Organization

PATIENCE_FOR_ONE = timedelta(seconds=60)
"""Somebody sits before a page and waits for this mail."""
CHUNK = 250
"""Messages that are prepared at once: enough to share the queries, few enough for their memory."""


def send_batch(organization_id: UUID, batch_id: UUID) -> int:
    """Send what is due of a batch; returns how many letters went out.

    Runs outside any transaction: a chunk is prepared in one, and what becomes of its messages is
    committed as it happens. No transaction is open while a server is waited for.
    """
    with acting_for(organization_id):
        batch = batches.claim(batch_id, timezone.now())
        if batch is None:
            return 0
        composer, signer = composer_of(batch.mailing), signer_of(batch.mailing.sender.domain)
    sent, rest = 0, None
    try:
        while rest is None and (record := _prepared(organization_id, batch, composer)) is not None:
            sent += _send_chunk(organization_id, record, signer)
            rest = record.rest_until
    finally:
        with acting_for(organization_id):
            batches.release(batch, timezone.now(), rest)
    return sent


def _prepared(organization_id: UUID, batch: Batch, composer: Composer) -> Record | None:
    """The next chunk; None when there is nothing more now."""
    with acting_for(organization_id):
        chunk = batches.prepare(batch, composer, CHUNK, timezone.now())
        return None if chunk is None else Record(batch, composer.use, chunk)


def _send_chunk(organization_id: UUID, record: Record, signer: Signer) -> int:
    """Send the letters of a chunk, and write down what becomes of each."""

    def write_down(
        asking: Sequence[Hashable], outcomes: Sequence[tuple[Hashable, Outcome]]
    ) -> tuple[set[Hashable], bool]:
        with acting_for(organization_id):
            return record.write_down(asking, outcomes, timezone.now())

    dispatcher().run(
        record.letters(), signer, settings.SMTP_CONNECTIONS_PER_HOST, write_down, record.level
    )
    with acting_for(organization_id):
        record.close(timezone.now())
    return record.sent


def send_letter(letter: Letter, signer: Signer) -> Outcome:
    """Send a single letter, such as a one-time code."""
    return send_letters([letter], signer)[0]


def send_letters(letters: Sequence[Letter], signer: Signer) -> list[Outcome]:
    """Send letters that belong to no mailing, all at once; their outcomes in the same order."""

    async def together() -> list[Outcome]:
        courier = make_courier(PATIENCE_FOR_ONE)
        try:
            return list(await asyncio.gather(*(one(courier, letter) for letter in letters)))
        finally:
            await courier.close()

    async def one(courier: Courier, letter: Letter) -> Outcome:
        envelope = await asyncio.to_thread(letter.signed, signer)
        return await courier.send(envelope, letter.protection)

    return asyncio.run(together())


def use_of(mailing: Mailing) -> Use:
    """What the mailing does with information, as it was approved."""
    return use_from_json(mailing.use)


def composer_of(mailing: Mailing) -> Composer:
    """What writes the letters of a mailing."""
    organization = Organization.objects.get(id=current_organization_id())
    return Composer(
        Origin(
            organization,
            mailing.sender.name,
            mailing.sender.address,
            mailing.sender.domain.bounce_domain,
        ),
        queries.stored_content(mailing),
        use_of(mailing),
        mailing.tracking,
        public_tokens(),
        contacts.fields_by_key(),
    )
