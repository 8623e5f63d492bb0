"""What becomes of messages when the person they went to is erased."""

from __future__ import annotations

from uuid import UUID

from delivery.models import Message


def erase_messages(contact_id: UUID) -> None:
    """Forget what messages to a contact were filled with: nobody can read them any more."""
    Message.objects.filter(contact_id=contact_id).update(sealed_context=None)
