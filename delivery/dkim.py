"""DKIM signatures (RFC 6376, Ed25519 by RFC 8463), relaxed/relaxed.

Each header that matters is named once more than it occurs ("oversigned"), so that nobody can add
a second Subject or a List-Unsubscribe of their own to a message we signed. Both headers of
one-click unsubscribe must be signed (RFC 8058 4).
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

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
_RUNS = re.compile(rb"[ \t]{2,}|\t")
_LINE_LENGTH = 72

_Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class Signer:
    """Signs for one domain, with each of its keys. Safe to use from several threads.

    ``domain`` in A-labels. ``keys`` are pairs of a selector, which names the DNS record
    ``selector._domainkey.domain``, and a private key as PEM without password, RSA or Ed25519: a
    receiver that doesn't know one kind takes the other (RFC 8463 3).
    """

    def __init__(self, domain: str, keys: Sequence[tuple[str, bytes]]) -> None:
        self._keys = [(_tags(domain, selector, key), key) for selector, key in map(_loaded, keys)]

    def sign(self, header_fields: HeaderFields, body: bytes) -> bytes:
        """The DKIM-Signature headers, with their line ends, for a message.

        ``header_fields`` are names and values as in the message, folds included; ``body`` has
        CRLF line ends. The same input gives the same signatures.
        """
        listed, chosen = _signed_fields(tuple(name.strip().lower() for name, _ in header_fields))
        hashed = b"".join([relaxed_header(*header_fields[number]) for number in chosen])
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode("ascii")
        rest = f"\r\n h={listed};\r\n bh={body_hash};\r\n b="
        return b"".join([_signature_field(tags + rest, hashed, key) for tags, key in self._keys])

    def sign_message(self, message: bytes) -> bytes:
        """The message with its signatures before its headers."""
        head, _, body = message.partition(b"\r\n\r\n")
        return self.sign(header_fields(head + b"\r\n"), body) + message


def _loaded(named: tuple[str, bytes]) -> tuple[str, _Key]:
    selector, pem = named
    # Ours, and sealed: looking whether its primes are prime takes 30 ms.
    key = serialization.load_pem_private_key(
        pem, password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise TypeError("A DKIM key is an RSA or an Ed25519 key.")
    return selector, key


def _tags(domain: str, selector: str, key: _Key) -> str:
    algorithm = "rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else "ed25519-sha256"
    return f"v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; s={selector};"


def _signature_field(tags: str, hashed: bytes, key: _Key) -> bytes:
    unsigned = f" {tags}".encode("ascii")
    data = hashed + relaxed_header(b"DKIM-Signature", unsigned).removesuffix(b"\r\n")
    signature = base64.b64encode(_signature(key, data)).decode("ascii")
    lines = (
        signature[start : start + _LINE_LENGTH] for start in range(0, len(signature), _LINE_LENGTH)
    )
    return b"DKIM-Signature:" + unsigned + "\r\n ".join(lines).encode("ascii") + b"\r\n"


def _signature(key: _Key, data: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(hashlib.sha256(data).digest())  # RFC 8463 3: over the hash
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


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
    unfolded = value.replace(b"\r\n", b"")
    if b"  " in unfolded or b"\t" in unfolded:
        unfolded = _RUNS.sub(b" ", unfolded)
    return name.strip().lower() + b":" + unfolded.strip(b" ") + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 3.4.4: runs of space as one, none at line ends, no empty lines at the end."""
    if b"  " in body or b"\t" in body:  # looking is much quicker than replacing, and rarely finds
        body = _RUNS.sub(b" ", body)
    body = body.replace(b" \r\n", b"\r\n").removesuffix(b" ")
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


@lru_cache(maxsize=64)
def _signed_fields(present: tuple[bytes, ...]) -> tuple[str, list[int]]:
    """What ``h=`` lists, each name as often as it occurs and once more, and the numbers of the
    fields it stands for, equal names from the bottom up (RFC 6376 5.4.2). Messages of one mailing
    have the same fields."""
    listed: list[str] = []
    chosen: list[int] = []
    for name in _SIGNED:
        numbers = [at for at, each in enumerate(present) if each == name.lower().encode("ascii")]
        chosen += reversed(numbers)
        listed += [name] * (len(numbers) + 1)
    return _folded(":".join(listed), ":"), chosen


def _folded(text: str, separator: str) -> str:
    """The text in lines that are not too long, broken behind separators."""
    lines = [""]
    for part in text.split(separator):
        if len(lines[-1]) + len(part) > _LINE_LENGTH:
            lines.append("")
        lines[-1] += part + separator
    return "\r\n ".join(lines).removesuffix(separator)
