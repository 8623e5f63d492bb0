"""Senders, their domains, and the keys that domains sign with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from audit import services as audit
from delivery import dkim
from delivery.dkim import Signer
from delivery.models import DeliveryPolicy, DkimKey, Sender, SenderDomain
from tenancy.keys import keyring
from tenancy.models import KeyUse

KEY_TABLE = "delivery_dkimkey"
_MAKERS: Mapping[str, Callable[[], bytes]] = {
    "rsa": dkim.new_rsa_key,
    "ed25519": dkim.new_ed25519_key,
}


def create_sender(name: str, address: str) -> Sender:
    """A sender of its address's domain, which gets keys if it is new."""
    domain = sender_domain(address.rpartition("@")[2])
    sender = Sender(name=name, address=address, domain=domain)
    sender.save(force_insert=True)
    audit.record("sender_created", object_type="sender", object_id=sender.id)
    return sender


def sender_domain(name: str) -> SenderDomain:
    """The domain of this name; made, with a key of each kind, on the first call."""
    known: SenderDomain | None = SenderDomain.objects.filter(name=name).first()
    if known is not None:
        return known
    domain: SenderDomain = SenderDomain.objects.create(name=name, bounce_domain=f"bounces.{name}")
    add_keys(domain)
    audit.record("sender_domain_created", object_type="sender_domain", object_id=domain.id)
    return domain


def add_keys(domain: SenderDomain) -> list[DkimKey]:
    """A new key of each kind, sealed, not yet signing: its record has to be published first."""
    keys = []
    for algorithm, make in _MAKERS.items():
        private = make()
        key = DkimKey(domain=domain, algorithm=algorithm, record=dkim.dns_record(private))
        key.selector = f"sw{algorithm[0]}{key.id.hex[-10:]}"
        key.sealed_key = keyring(KeyUse.SENDER).seal(private, KEY_TABLE, key.id)
        key.save(force_insert=True)
        keys.append(key)
    return keys


def activate_keys(keys: list[DkimKey], now: datetime) -> None:
    """Sign with these from now on, and no more with others of their domain and kind. What others
    signed may still be on its way, so their records stay published for a while."""
    for key in keys:
        others = DkimKey.objects.filter(domain_id=key.domain_id, algorithm=key.algorithm)
        others.exclude(id=key.id).filter(retired_at=None, active_at__isnull=False).update(
            retired_at=now
        )
        key.active_at = key.active_at or now
        key.save(update_fields=["active_at"])
    if keys:
        audit.record(
            "dkim_keys_activated", object_type="sender_domain", object_id=keys[0].domain_id
        )


def start_slowly(domain: SenderDomain, today: date | None) -> None:
    """Begin a warm-up plan on a day; None ends it."""
    domain.warm_up_from = today
    domain.save(update_fields=["warm_up_from"])
    action = "warm_up_started" if today else "warm_up_ended"
    audit.record(action, object_type="sender_domain", object_id=domain.id)


def save_policy(minimum_level: str, give_up_after_hours: int) -> None:
    """What the organization asks of delivery from now on."""
    policy, _ = DeliveryPolicy.objects.update_or_create(
        defaults={"minimum_level": minimum_level, "give_up_after_hours": give_up_after_hours}
    )
    audit.record(
        "delivery_policy_changed",
        object_type="delivery_policy",
        object_id=policy.id,
        minimum_level=minimum_level,
        give_up_after_hours=give_up_after_hours,
    )


def signer_of(domain: SenderDomain) -> Signer:
    """What signs for a domain: one key of each kind, the one that is active or else the newest."""
    ring = keyring(KeyUse.SENDER)
    usable = DkimKey.objects.filter(domain=domain, retired_at=None).order_by("created_at")
    chosen: dict[str, DkimKey] = {}
    for key in usable:
        known = chosen.get(key.algorithm)
        if known is None or known.active_at is None or key.active_at is not None:
            chosen[key.algorithm] = key
    return Signer(
        domain.name,
        [
            (key.selector, ring.open(bytes(key.sealed_key), KEY_TABLE, key.id))
            for key in chosen.values()
        ],
    )
