"""DANE for mail (RFC 7672, 6698, 7671): does a certificate chain fit a host's TLSA records?

Pure: the records come from DNS answers that were authenticated, the chain from the handshake.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import DNSName
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

TRUST_ANCHOR, END_ENTITY = 2, 3
WHOLE, PUBLIC_KEY = 0, 1
EXACT, SHA256, SHA512 = 0, 1, 2

# What the library raises for certificates that it does not understand; all of it is a stranger's.
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

_DIGESTS = {SHA256: hashlib.sha256, SHA512: hashlib.sha512}
_DIGEST_SIZES = {SHA256: 32, SHA512: 64}
MAX_RECORDS = 32
MAX_CHAIN = 16


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """One TLSA record (RFC 6698 2.1): certificate usage, selector, matching type, data."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching}"

    @property
    def usable(self) -> bool:
        """Whether it says something to mail clients (RFC 7672 3.1): not usages 0 and 1."""
        return (
            self.usage in (TRUST_ANCHOR, END_ENTITY)
            and self.selector in (WHOLE, PUBLIC_KEY)
            and self.matching in (EXACT, SHA256, SHA512)
            and len(self.data) == _DIGEST_SIZES.get(self.matching, len(self.data))
            and bool(self.data)
        )

    def fits(self, certificate: bytes) -> bool:
        """Whether it describes this certificate (DER)."""
        try:
            selected = certificate if self.selector == WHOLE else public_key_info(certificate)
        except ValueError:
            return False
        digest = _DIGESTS.get(self.matching)
        return self.data == (digest(selected).digest() if digest else selected)


@dataclass(frozen=True, slots=True)
class DaneCheck:
    """What the certificate of a host must fit.

    ``base`` is the name that the records were found at, to be asked for in the handshake (RFC 7672
    8.1). ``records`` are usable ones; ``names`` what a certificate under a trust anchor may be
    issued to: the base and the domain the mail is for (3.2.2). Without trust anchors it is empty.
    """

    base: str
    records: tuple[TlsaRecord, ...]
    names: tuple[str, ...]

    def verify(self, chain: Sequence[bytes], now: datetime) -> TlsaRecord | None:
        """The record that the chain (DER, the server's certificate first) fits, or None.

        A fitting DANE-EE record ends the matter: neither name nor dates count (RFC 7671 5.1).
        Under DANE-TA both do.
        """
        if not chain or len(chain) > MAX_CHAIN:
            return None
        for record in self.records:
            if record.usage == END_ENTITY and record.fits(chain[0]):
                return record
        for record in self.records:
            if record.usage == TRUST_ANCHOR and any(
                _leads_to(anchor, chain, self.names, now) for anchor in _anchors(record, chain)
            ):
                return record
        return None


def check_for(records: Sequence[TlsaRecord], base: str, domain: str) -> DaneCheck | None:
    """The check that the TLSA records of ``base`` ask for, or None when none of them is usable."""
    usable = [record for record in records[:MAX_RECORDS] if record.usable]
    strongest = tuple(record for record in usable if not _is_outdone(record, usable))
    if not strongest:
        return None
    anchored = any(record.usage == TRUST_ANCHOR for record in strongest)
    names = tuple(dict.fromkeys((base, domain))) if anchored else ()
    return DaneCheck(base, strongest, names)


def _is_outdone(record: TlsaRecord, records: Sequence[TlsaRecord]) -> bool:
    """Whether a stronger digest stands beside a weaker one (RFC 7671 9)."""
    return record.matching == SHA256 and any(
        (other.usage, other.selector, other.matching) == (record.usage, record.selector, SHA512)
        for other in records
    )


def _anchors(record: TlsaRecord, chain: Sequence[bytes]) -> Iterator[bytes]:
    """The authorities that a DANE-TA record names: sent by the server, or in the record itself."""
    yield from (certificate for certificate in chain[1:] if record.fits(certificate))
    if (record.selector, record.matching) == (WHOLE, EXACT):
        yield record.data


def _leads_to(anchor: bytes, chain: Sequence[bytes], names: Sequence[str], now: datetime) -> bool:
    try:
        leaf, *others = (x509.load_der_x509_certificate(each) for each in chain)
        store = Store([x509.load_der_x509_certificate(anchor)])
    except UNREADABLE:
        return False
    builder = PolicyBuilder().store(store).time(now.replace(tzinfo=None))
    builder = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_SERVER)
    for name in names:
        try:
            builder.build_server_verifier(DNSName(name)).verify(leaf, others)
        except (VerificationError, *UNREADABLE):
            continue
        return True
    return False


def _is_authority(
    _policy: Policy, _certificate: x509.Certificate, extension: x509.BasicConstraints
) -> None:
    if not extension.ca:
        raise ValueError


# Private authorities are what DANE-TA is for, and few of them follow all the rules of the web's.
_AUTHORITY = ExtensionPolicy.permit_all().require_present(
    x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority
)
_SERVER = ExtensionPolicy.permit_all().require_present(
    x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
)


def public_key_info(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a DER certificate, byte for byte; raises ValueError.

    Cut out, not encoded again: the digest in the DNS is of the bytes as they stand.
    """
    _, start, _ = _element(certificate, 0)  # Certificate
    _, position, _ = _element(certificate, start)  # TBSCertificate
    tag, _, end = _element(certificate, position)
    fields_before = 6 if tag == 0xA0 else 5  # the version may be left out
    for _ in range(fields_before):
        _, _, end = _element(certificate, position)
        position = end
    tag, _, end = _element(certificate, position)
    if tag != 0x30:
        raise ValueError("This is not a certificate.")
    return certificate[position:end]


def _element(data: bytes, position: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of the DER element at a position."""
    header = data[position : position + 2]
    if len(header) < 2 or header[0] & 0x1F == 0x1F:
        raise ValueError("This is not a certificate.")
    start, length = position + 2, header[1]
    if length & 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 4:
            raise ValueError("This is not a certificate.")
        length = int.from_bytes(data[start : start + octets])
        start += octets
    if start + length > len(data):
        raise ValueError("This is not a certificate.")
    return header[0], start, start + length
