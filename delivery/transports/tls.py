"""The TLS we accept, and why a handshake failed.

Configured to NIST SP 800-52r2: TLS 1.2 or 1.3, AES in an AEAD mode with ephemeral keys, and a
certificate verified for the name of the mail host.
"""

import hashlib
import ssl
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509

from delivery.transports.dane import UNREADABLE

MAX_ISSUER = 200
_ENCODING_DER = 2  # _ssl.ENCODING_DER


class Protection(StrEnum):
    """How a message must be protected on its way.

    VERIFIED: verified TLS on the very connection that carries the message, else not one byte of
    content. OPPORTUNISTIC: encrypted if the server can, else plain; only for messages without
    health information (the portal's notice and its one-time codes).
    """

    VERIFIED = "verified"
    OPPORTUNISTIC = "opportunistic"


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What was agreed in a handshake, as evidence."""

    version: str
    cipher: str
    certificate_sha256: str
    issuer: str = ""


# OpenSSL's TLS 1.3 ciphers cannot be configured from Python before 3.15, so the agreed cipher is
# compared with this list after the handshake.
_GOOD_CIPHERS = frozenset(
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_AES_128_CCM_SHA256"}
    | {
        f"{exchange}-{aes}"
        for exchange in ("ECDHE-RSA", "ECDHE-ECDSA", "DHE-RSA")
        for aes in ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
    }
)
_CIPHERS = "ECDHE+AESGCM:DHE+AESGCM"
_GOOD_VERSIONS = frozenset({"TLSv1.2", "TLSv1.3"})


def client_context(protection: Protection, ca_file: Path | None = None) -> ssl.SSLContext:
    """A context for one kind of protection; ``ca_file`` replaces the system's authorities."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if protection is Protection.VERIFIED:
        context.set_ciphers(_CIPHERS)
        # A name in the common name alone does not count (RFC 9525).
        context.hostname_checks_common_name = False
    else:
        _verify_nothing(context)
    return context


def dane_context() -> ssl.SSLContext:
    """A context that leaves the certificate to :class:`~delivery.transports.dane.DaneCheck`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    _verify_nothing(context)
    return context


def _verify_nothing(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def facts(connection: ssl.SSLObject) -> TlsFacts:
    """What the handshake on this connection agreed."""
    name, _protocol, _bits = connection.cipher() or ("", "", 0)
    certificate = connection.getpeercert(binary_form=True) or b""
    digest = hashlib.sha256(certificate).hexdigest()
    return TlsFacts(connection.version() or "", name, digest, _issuer(certificate))


def _issuer(certificate: bytes) -> str:
    """The issuer's name as RFC 4514 writes it, cut; empty when it cannot be read."""
    try:
        name = x509.load_der_x509_certificate(certificate).issuer.rfc4514_string()
    except UNREADABLE:
        return ""
    return "".join(letter for letter in name if letter.isprintable())[:MAX_ISSUER]


def chain(connection: ssl.SSLObject) -> list[bytes]:
    """The certificates that the server sent, DER, its own first."""
    if sys.version_info >= (3, 13):
        return list(connection.get_unverified_chain())
    # The public method came with 3.13; what it calls has been there since 3.10.
    below: Any = connection
    sent = below._sslobj.get_unverified_chain() or ()
    return [each.public_bytes(_ENCODING_DER) for each in sent]


def unacceptable(agreed: TlsFacts) -> str | None:
    """Why an agreed connection is not good enough for health information, if it is not."""
    if agreed.version not in _GOOD_VERSIONS:
        return "tls_too_old"
    if agreed.cipher not in _GOOD_CIPHERS:
        return "cipher_unacceptable"
    return None


# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_CERTIFICATE_PROBLEMS = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    62: "certificate_name",
    64: "certificate_name",
}
_HANDSHAKE_PROBLEMS = {
    "UNSUPPORTED_PROTOCOL": "tls_too_old",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls_too_old",
    "NO_PROTOCOLS_AVAILABLE": "tls_too_old",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "cipher_unacceptable",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "cipher_unacceptable",
    "NO_SHARED_CIPHER": "cipher_unacceptable",
    "DH_KEY_TOO_SMALL": "cipher_unacceptable",
    "BAD_ECPOINT": "cipher_unacceptable",
}


def lasting_problem(error: OSError) -> str | None:
    """Why the server cannot do acceptable TLS; None when the failure may pass."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_PROBLEMS.get(error.verify_code, "certificate_untrusted")
    if isinstance(error, ssl.SSLError):
        return _HANDSHAKE_PROBLEMS.get(error.reason or "")
    return None
