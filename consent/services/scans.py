"""Scans of signed papers, sealed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from uuid import UUID

from audit import services as audit
from consent.models import Scan
from tenancy.keys import keyring
from tenancy.models import KeyUse

SCAN_TABLE = "consent_scan"
MAX_SCAN_BYTES = 10_000_000
MEDIA_TYPES = {
    b"%PDF-": "application/pdf",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}
"""What a scan may be, by the bytes it begins with."""


class NotAScan(Exception):
    """This file can't be kept; the message says which can."""


@dataclass(frozen=True, slots=True)
class OpenedScan:
    """A scan to download."""

    content: bytes = field(repr=False)
    media_type: str


def media_type_of(content: bytes) -> str:
    """What a file is, by its content. Raises `NotAScan`."""
    if len(content) > MAX_SCAN_BYTES:
        raise NotAScan("The scan is larger than 10 MB. Scan it again with fewer dots per inch.")
    for beginning, media_type in MEDIA_TYPES.items():
        if content.startswith(beginning):
            return media_type
    raise NotAScan("This is not a PDF, JPEG or PNG. Save the scan as one of these.")


def keep_scan(authorization_id: UUID, content: bytes, by: UUID) -> Scan:
    """Seal the scan of a signed paper. Raises `NotAScan`."""
    row = Scan(
        authorization_id=authorization_id,
        media_type=media_type_of(content),
        size=len(content),
        digest=hashlib.sha256(content).hexdigest(),
        added_by=by,
    )
    row.sealed = keyring(KeyUse.AUTHORIZATION).seal(content, SCAN_TABLE, row.id)
    row.save(force_insert=True)
    audit.record(
        "scan_kept", object_type="scan", object_id=row.id, authorization=str(authorization_id)
    )
    return row


def open_scan(scan_id: UUID) -> OpenedScan:
    """Open a scan for somebody who downloads it, and log that. Raises `Scan.DoesNotExist`."""
    row = Scan.objects.get(id=scan_id)
    content = keyring(KeyUse.AUTHORIZATION).open(bytes(row.sealed), SCAN_TABLE, row.id)
    audit.record("scan_opened", object_type="scan", object_id=row.id)
    return OpenedScan(content, row.media_type)
