"""Records of signed authorizations in bulk, each compared with its sealed copy."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from consent.rules.authorization import Authorization, Method, Signer
from consent.rules.forms import FormText, check_form, form_digest
from encryption.cipher import CannotOpen
from tenancy.bulk import UuidArray, rows, rows_about, uuid_array
from tenancy.keys import keyring
from tenancy.models import KeyUse

AUTHORIZATION_TABLE = "consent_authorization"
Open = Callable[[bytes, bytes], bytes]
"""Opens a sealed authorization: the row's id and the sealed value, as bytes."""


@dataclass(frozen=True, eq=False)  # the same object for the same text
class Version:
    """A published version. `passed` says whether it passes every check of a form, `intact` whether
    it is still what was published."""

    text: FormText
    digest: str
    passed: bool
    intact: bool


class Signed(NamedTuple):
    """The columns on which decisions rest, repeated in the sealed copy: what counts is what was
    signed, so that a column changed in the database makes the authorization fail."""

    contact: str
    version: UUID
    language: str
    signed_on: date
    expires_at: datetime
    signer: str
    method: str

    def decisive(self, digest: str) -> dict[str, str]:
        """As the sealed copy holds them, with the digest of the form."""
        columns = {
            "contact": self.contact,
            "version": str(self.version),
            "form": digest,
            "signed_on": self.signed_on.isoformat(),
            "expires_at": self.expires_at.astimezone(UTC).isoformat(),
            "signer": self.signer,
            "method": self.method,
        }
        return columns | ({"language": self.language} if self.language else {})


@dataclass(frozen=True, eq=False, slots=True)  # the same object for the same columns
class Kind:
    """What records of one text, signed on one day in one way, have in common.

    `terms` are an authorization's values from its purposes to whether its form passed. `alike` is
    equal for kinds that only their days tell apart.
    """

    terms: tuple[Any, ...]
    alike: Hashable
    signed_on: date
    expires_at: datetime


class Signature(NamedTuple):
    """One record. `intact` and `authority` are what its sealed copy says."""

    kind: Kind
    id: UUID
    authority: str
    revoked_at: datetime | None
    copy_given_at: datetime | None
    intact: bool
    disputed: bool

    def authorization(self) -> Authorization:
        """As the rules look at it."""
        kind, key, *rest = self
        return Authorization(key, *kind.terms, *rest)


def signatures(people: UuidArray, at: datetime | None = None) -> dict[bytes, tuple[Signature, ...]]:
    """What each of these people signed: as known now, or `at` a moment. By the contact's id."""
    signed = rows_about(_SIGNED, people, at=at)
    versions = published_versions({each[-1][:16] for each in signed})
    revoked, disputed = _ended(uuid_array([each[0] for each in signed]), at)
    opened = keyring(KeyUse.AUTHORIZATION).opener(AUTHORIZATION_TABLE)
    found: dict[bytes, tuple[Signature, ...]] = {}
    for row, key, who, contact, sealed, copied, columns in signed:
        copy = _copy(versions[columns[:16]], columns)
        intact, authority = copy.check(contact, row, sealed, opened)
        signature = Signature(
            copy.kind, key, authority, revoked.get(row), copied, intact, row in disputed
        )
        found[who] = (*found[who], signature) if who in found else (signature,)
    return found


def _ended(records: UuidArray, at: datetime | None) -> tuple[dict[bytes, datetime], set[bytes]]:
    """When which of these records were revoked, and which are disputed."""
    ended = rows_about(_ENDED, records, at=at)
    revoked = {row: received for row, received in ended if received is not None}
    return revoked, {row for row, received in ended if received is None}


class _Copy:
    """What the sealed copies of one kind of records must say."""

    def __init__(self, version: Version, columns: bytes) -> None:
        key, days, microseconds = _FIXED.unpack_from(columns)
        signer, method, language = columns[_FIXED.size :].decode().split(" ", 2)
        signed_on = _EPOCH.date() + timedelta(days=days)
        ends = _EPOCH + timedelta(microseconds=microseconds)
        self._intact, self._digest = version.intact, version.digest
        self._signed = Signed("", UUID(bytes=key), language, signed_on, ends, signer, method)
        text = version.text
        terms = (
            text.purposes,
            text.categories,
            text.covers_remuneration,
            signed_on,
            ends,
            Method(method),
            text.covers_sale,
            text.part2,
            text.type_points,
            Signer(signer),
            version.passed,
        )
        self.kind = Kind(terms, (version, signer, method), signed_on, ends)
        decisive = self._signed.decisive(version.digest)
        del decisive["contact"]
        self._rest = orjson.dumps(decisive)[1:] + b","

    def check(self, contact: str, row: bytes, sealed: bytes, opened: Open) -> tuple[bool, str]:
        """Whether the record is what was signed, and what authority a representative stated.

        The sealed copy begins with the columns; who signed for themselves is not read any further.
        """
        try:
            plain = opened(row, sealed)
        except CannotOpen:
            return False, ""
        begins = b'{"decisive":{"contact":"' + contact.encode() + b'",' + self._rest
        if self._signed.signer == Signer.SELF and plain.startswith(begins):
            return self._intact, ""
        kept: dict[str, object] = orjson.loads(plain)
        same = kept["decisive"] == self._signed._replace(contact=contact).decisive(self._digest)
        return same and self._intact, str(kept.get("authority", "")) if same else ""


_copy = lru_cache(maxsize=8192)(_Copy)
_FIXED = Struct("!16siq")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

# Read as tuples: model instances take longer than opening the seal and deciding. Look-ups by key,
# because a join can go wrong where the planner's guesses do. The columns that the sealed copy
# repeats come as one value, in PostgreSQL's binary format (days and microseconds since 2000):
# thousands of records have few of them, and six values take longer to read and to look up.
_SIGNED = """
    SELECT uuid_send(id), id, uuid_send(contact_id), contact_id::text, sealed,
        CASE WHEN copy_given_at <= COALESCE(%(at)s, copy_given_at) THEN copy_given_at END,
        uuid_send(version_id) || date_send(signed_on) || timestamptz_send(expires_at)
            || convert_to(signer || ' ' || method || ' ' || language, 'UTF8')
    FROM consent_authorization
    WHERE contact_id = ANY(%(ids)s) AND recorded_at <= COALESCE(%(at)s, recorded_at)
"""
_ENDED = """
    SELECT uuid_send(authorization_id), received_at FROM consent_revocation
    WHERE authorization_id = ANY(%(ids)s) AND recorded_at <= COALESCE(%(at)s, recorded_at)
    UNION ALL
    SELECT uuid_send(authorization_id), NULL FROM consent_dispute
    WHERE authorization_id = ANY(%(ids)s) AND recorded_at <= COALESCE(%(at)s, recorded_at)
"""
_VERSIONS = "SELECT uuid_send(id), text::text, translations::text, digest FROM consent_formversion"


def published_versions(ids: set[bytes] | None = None) -> dict[bytes, Version]:
    """Published versions by id, all or some."""
    if ids is None:
        published = rows(_VERSIONS)
    else:
        published = rows_about(f"{_VERSIONS} WHERE id = ANY(%(ids)s)", uuid_array(ids))
    return {key: _version(*columns) for key, *columns in published}


@lru_cache(maxsize=256)
def _version(text: str, translations: str, digest: str) -> Version:
    """Checked once: versions never change, so an equal text has an equal answer.

    Neither the reading grade nor the organization's name is asked for again: a form that was
    published stays what it was when the organization becomes stricter, or takes another name.
    """
    stored, others = orjson.loads(text), orjson.loads(translations)
    form = FormText.from_json(stored)
    findings = check_form(form, legal_name="", max_grade=float("inf"))
    passed = all(each.code == "discloser_not_named" for each in findings)
    return Version(form, digest, passed, form_digest(stored, others) == digest)
