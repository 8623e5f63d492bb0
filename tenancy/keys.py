"""The current organization's keys, unwrapped and held in this process for a minute at most."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from encryption.blind_index import BlindIndex
from encryption.keyring import Key, Keyring, LocalMasterKey, MasterKey, new_material
from encryption.public_tokens import PublicTokens
from tenancy.current import acting_for, current_organization_id
from tenancy.models import PLATFORM, DataKey, KeyUse

KEPT_SECONDS = 60
"""A destroyed key is gone from every process after this long."""

_kept: dict[tuple[UUID, str], tuple[float, Keyring]] = {}


@lru_cache(maxsize=1)
def master_key() -> MasterKey:
    """The provider that the settings name."""
    if settings.MASTER_KEY_FILE:
        return LocalMasterKey.from_file(settings.MASTER_KEY_FILE)
    return LocalMasterKey.from_base64(settings.MASTER_KEY)


def keyring(use: KeyUse) -> Keyring:
    """The current organization's keys for one use."""
    organization_id = current_organization_id()
    kept = _kept.get((organization_id, use.value))
    if kept and kept[0] > time.monotonic():
        return kept[1]
    rows = list(DataKey.objects.filter(use=use.value))
    keys = {row.id: Key(row.id, row.version, _unwrap(row)) for row in rows}
    not_yet = [row.id for row in rows if row.active_from > timezone.now()]
    ring = Keyring(organization_id, use.value, keys, not_yet)
    _kept[organization_id, use.value] = (time.monotonic() + KEPT_SECONDS, ring)
    return ring


def blind_index() -> BlindIndex:
    """The current organization's newest blind index."""
    return _blind_index(keyring(KeyUse.INDEX).current.material)


def blind_indexes() -> list[BlindIndex]:
    """Every blind index that rows may stand under, the current one first: several while the key
    rotates."""
    ring = keyring(KeyUse.INDEX)
    others = [key for key in ring.keys.values() if key.id != ring.current.id]
    return [_blind_index(key.material) for key in (ring.current, *others)]


@lru_cache(maxsize=64)
def _blind_index(material: bytes) -> BlindIndex:
    return BlindIndex(material)


def public_tokens() -> PublicTokens:
    """The current organization's link tokens."""
    return PublicTokens(keyring(KeyUse.LINK).current.material)


def create_keys() -> None:
    """Make the first key of each use for the current organization."""
    for use in KeyUse:
        _create(use, version=1)


def add_key(use: KeyUse) -> DataKey:
    """Make a newer key, which every process knows before any seals with it."""
    newest = DataKey.objects.filter(use=use.value).order_by("-version").first()
    active_from = timezone.now() + timedelta(seconds=2 * KEPT_SECONDS)
    return _create(use, version=newest.version + 1 if newest else 1, active_from=active_from)


def platform_keyring() -> Keyring:
    """Keys for what belongs to people rather than to an organization; made on first use."""
    with acting_for(PLATFORM):
        if not DataKey.objects.filter(use=KeyUse.ACCOUNT.value).exists():
            try:
                with transaction.atomic():
                    _create(KeyUse.ACCOUNT, version=1)
            except IntegrityError:  # another process was first
                pass
        return keyring(KeyUse.ACCOUNT)


def forget_keys() -> None:
    """Drop every unwrapped key from this process."""
    _kept.clear()
    _blind_index.cache_clear()
    master_key.cache_clear()


def _create(use: KeyUse, version: int, active_from: datetime | None = None) -> DataKey:
    row = DataKey(use=use.value, version=version, active_from=active_from or timezone.now())
    row.wrapped = master_key().wrap(new_material(), _context(row))
    row.save(force_insert=True)
    return row


def _unwrap(row: DataKey) -> bytes:
    return master_key().unwrap(bytes(row.wrapped), _context(row))


def _context(row: DataKey) -> bytes:
    return row.organization_id.bytes + row.id.bytes + row.use.encode()
