"""DKIM signatures (RFC 6376, Ed25519 by RFC 8463), relaxed/relaxed.

Each header that matters is named once more than it occurs ("oversigned"), so that nobody can add
a second Subject or a List-Unsubscribe of their own to a message we signed. Both headers of
one-click unsubscribe must be signed (RFC 8058 4).
"""

import base64
import hashlib
import re
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

HeaderFields = Sequence[tuple[bytes, bytes]]

RSA_BITS = 2048

_SIGNED = (
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
)
_SPACES = re.compile(rb"[ \t]+")
_LINE_LENGTH = 72


class Signer:
    """Signs for one domain with one key. Safe to use from several threads.

    ``domain`` in A-labels; ``selector`` names the DNS record ``selector._domainkey.domain``;
    ``private_key`` is PEM without password, RSA or Ed25519.
    """

    def __init__(self, domain: str, selector: str, private_key: bytes) -> None:
        key = serialization.load_pem_private_key(private_key, password=None)
        if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise TypeError("A DKIM key is an RSA or an Ed25519 key.")
        self._key = key
        algorithm = "rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else "ed25519-sha256"
        self._tags = f"v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; s={selector};"

    def sign(self, header_fields: HeaderFields, body: bytes) -> bytes:
        """The DKIM-Signature header, with its line end, for a message.

        ``header_fields`` are names and values as in the message, folds included; ``body`` has
        CRLF line ends. The same input gives the same signature.
        """
        names = _oversigned(header_fields)
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode("ascii")
        unsigned = (
            f" {self._tags}\r\n h={_folded(':'.join(names), ':')};\r\n bh={body_hash};\r\n b="
        ).encode("ascii")
        hashed = [relaxed_header(name, value) for name, value in _selected(header_fields, names)]
        hashed.append(relaxed_header(b"DKIM-Signature", unsigned).removesuffix(b"\r\n"))
        signature = base64.b64encode(self._signature(b"".join(hashed))).decode("ascii")
        lines = (
            signature[start : start + _LINE_LENGTH]
            for start in range(0, len(signature), _LINE_LENGTH)
        )
        return b"DKIM-Signature:" + unsigned + "\r\n ".join(lines).encode("ascii") + b"\r\n"

    def sign_message(self, message: bytes) -> bytes:
        """The message with a signature before its headers."""
        head, _, body = message.partition(b"\r\n\r\n")
        return self.sign(header_fields(head + b"\r\n"), body) + message

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(hashlib.sha256(data).digest())  # RFC 8463 3: over the hash
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def header_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a message's headers, folds kept; each line ends with CRLF."""
    fields: list[tuple[bytes, bytes]] = []
    for line in head.removesuffix(b"\r\n").split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            name, value = fields.pop()
            fields.append((name, value + b"\r\n" + line))
        else:
            name, _, value = line.partition(b":")
            fields.append((name, value))
    return fields


def relaxed_header(name: bytes, value: bytes) -> bytes:
    """RFC 6376 3.4.2: lower-case name, unfolded, runs of space as one."""
    unfolded = _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip().lower() + b":" + unfolded + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 3.4.4: runs of space as one, none at line ends, no empty lines at the end."""
    body = _SPACES.sub(b" ", body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    body = body.rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def new_rsa_key() -> bytes:
    """A fresh RSA private key as PEM (PKCS #8, not encrypted: seal it before storing it)."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def new_ed25519_key() -> bytes:
    """A fresh Ed25519 private key as PEM (PKCS #8, not encrypted: seal it before storing it)."""
    return _pem(ed25519.Ed25519PrivateKey.generate())


def dns_record(private_key: bytes) -> str:
    """The TXT record to publish for a private key. Longer than 255: split it in the zone file."""
    public = serialization.load_pem_private_key(private_key, password=None).public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        kind, data = "ed25519", public.public_bytes_raw()
    else:
        kind = "rsa"
        data = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return f"v=DKIM1; k={kind}; p={base64.b64encode(data).decode('ascii')}"


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _oversigned(fields: HeaderFields) -> list[str]:
    """The names for ``h=``: each as often as it occurs, and once more."""
    present = [name.strip().lower() for name, _ in fields]
    return [
        name for name in _SIGNED for _ in range(present.count(name.lower().encode("ascii")) + 1)
    ]


def _selected(fields: HeaderFields, names: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """The fields that ``h=`` names, equal names from the bottom up (RFC 6376 5.4.2)."""
    left: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for field in fields:
        left.setdefault(field[0].strip().lower(), []).append(field)
    wanted = (left.get(name.lower().encode("ascii")) for name in names)
    return [same.pop() for same in wanted if same]


def _folded(text: str, separator: str) -> str:
    """The text in lines that are not too long, broken behind separators."""
    lines = [""]
    for part in text.split(separator):
        if len(lines[-1]) + len(part) > _LINE_LENGTH:
            lines.append("")
        lines[-1] += part + separator
    return "\r\n ".join(lines).removesuffix(separator)
