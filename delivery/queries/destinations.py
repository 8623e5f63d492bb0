"""Where the links of messages lead. Asked for each click, so what is known is kept for a minute."""

from __future__ import annotations

import time
from functools import lru_cache
from uuid import UUID

from delivery.models import Batch, Mailing, Message
from delivery.queries.messages import stored_content
from tenancy.current import acting_for, current_organization_id

KEPT_SECONDS = 60
KEPT = 10_000

_kept: dict[tuple[UUID, int], tuple[float, tuple[str, ...]]] = {}


def known_destination(organization_id: UUID, message_id: UUID, number: int) -> str | None:
    """Where a link of a message leads, if that was looked up within the last minute."""
    kept = _kept.get(_key(organization_id, message_id))
    if kept is None or kept[0] < time.monotonic():
        return None
    return kept[1][number] if number < len(kept[1]) else None


def destination(organization_id: UUID, message_id: UUID, number: int) -> str | None:
    """Where a link of a message leads. Only what was approved with the content is a target.

    Outside `acting_for`: most calls need no database.
    """
    key = _key(organization_id, message_id)
    kept = _kept.get(key)
    if kept is None or kept[0] < time.monotonic():
        with acting_for(organization_id):
            targets, is_theirs_alone = _look_up(message_id)
        kept = time.monotonic() + KEPT_SECONDS, targets
        if is_theirs_alone:
            if len(_kept) >= KEPT:
                _kept.clear()
            _kept[key] = kept
    return kept[1][number] if number < len(kept[1]) else None


def _key(organization_id: UUID, message_id: UUID) -> tuple[UUID, int]:
    """The ids of messages that were planned together begin with the same 48 bits, their moment."""
    return organization_id, message_id.int >> 80


def _look_up(message_id: UUID) -> tuple[tuple[str, ...], bool]:
    """The destinations of a message's links, and whether they are those of all messages of its
    moment. That two mailings were planned in the same millisecond is rare, and possible."""
    mailing = Message.objects.filter(id=message_id).values_list("mailing_id", flat=True).first()
    if mailing is None:
        return (), False
    first = message_id.int >> 80 << 80
    moment = UUID(int=first), UUID(int=first | (1 << 80) - 1)
    planned = Batch.objects.filter(first_message__range=moment)
    mailings = set(planned.values_list("mailing_id", flat=True).distinct())
    return _links_of(current_organization_id(), mailing), mailings == {mailing}


@lru_cache(maxsize=256)
def _links_of(_organization_id: UUID, mailing_id: UUID) -> tuple[str, ...]:
    """A mailing's content never changes."""
    return stored_content(Mailing.objects.get(id=mailing_id)).links
