"""Senders and their DKIM keys."""

from __future__ import annotations

from audit import services as audit
from delivery.dkim import new_rsa_key
from delivery.models import Sender
from tenancy.keys import keyring
from tenancy.models import KeyUse

TABLE = "delivery_sender"


def create_sender(name: str, address: str) -> Sender:
    """A sender with a fresh DKIM key, sealed."""
    sender = Sender(name=name, address=address)
    sender.selector = f"sw{sender.id.hex[-10:]}"  # two senders of one domain have two keys
    sender.sealed_key = keyring(KeyUse.SENDER).seal(new_rsa_key(), TABLE, sender.id)
    sender.save(force_insert=True)
    audit.record("sender_created", object_type="sender", object_id=sender.id)
    return sender


def signing_key(sender: Sender) -> bytes:
    """The sender's private key in PEM."""
    return keyring(KeyUse.SENDER).open(bytes(sender.sealed_key), TABLE, sender.id)
