"""DKIM signatures, verified by dkimpy."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.dkim import (
    Signer,
    dns_record,
    header_fields,
    new_ed25519_key,
    new_rsa_key,
    relaxed_body,
)
from delivery.mime import Mailbox, build
from delivery.transports.addresses import parse_address

RSA_KEY = new_rsa_key()
ED25519_KEY = new_ed25519_key()


def message(text: str = "Hello\n") -> bytes:
    return build(
        identifier="0193-abc",
        host="news.example.com",
        date=datetime(2026, 11, 21, tzinfo=UTC),
        sender=Mailbox("news@example.com", "Río, Health"),
        recipient=parse_address("ann@clinic.example"),
        subject="A subject that is long enough to be folded over more than one line, surely it is",
        text=text,
        html=f"<p>{text}</p>",
        list_unsubscribe=[f"https://links.example.com/{'t' * 100}", "mailto:u@example.com"],
        feedback_id="a:b:c:Sealwright",
    )


def signed(text: str = "Hello\n") -> bytes:
    return Signer("example.com", [("s1", RSA_KEY)]).sign_message(message(text))


def verifies(raw: bytes) -> bool:
    def look_up(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s1._domainkey.example.com."
        return dns_record(RSA_KEY).encode("ascii")

    return bool(dkim.DKIM(raw).verify(dnsfunc=look_up))


def signature_tags(raw: bytes) -> dict[bytes, bytes]:
    ((_, value), *_rest) = header_fields(raw.partition(b"\r\n\r\n")[0] + b"\r\n")
    tags: dict[bytes, Any] = dkim.parse_tag_value(value)
    return tags


@settings(max_examples=25)
@given(st.text(st.sampled_from(" \tab.\n=é")))
def test_signed_messages_verify(text: str) -> None:
    assert verifies(signed(text))


@pytest.mark.parametrize(
    "name", [b"from", b"subject", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id"]
)
def test_headers_that_matter_are_signed_once_more_than_they_occur(name: bytes) -> None:
    names = [part.strip().lower() for part in signature_tags(signed())[b"h"].split(b":")]
    assert names.count(name) == 2


@pytest.mark.parametrize(
    "added",
    [
        b"Subject: Another\r\n",
        b"From: evil@example.com\r\n",
        b"List-Unsubscribe: <https://evil.example>\r\n",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        b"Cc: evil@example.com\r\n",
        b"Reply-To: evil@example.com\r\n",
    ],
)
def test_an_added_header_breaks_the_signature(added: bytes) -> None:
    assert verifies(signed())
    assert not verifies(added + signed())


def test_a_changed_body_breaks_the_signature() -> None:
    with pytest.raises(dkim.ValidationError, match="body hash mismatch"):
        verifies(signed().replace(b"Hello", b"Hullo"))


def test_lines_of_the_signature_are_short() -> None:
    head = signed().partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 78 for line in head.split(b"\r\n")[:12])


def test_the_same_message_gets_the_same_signature() -> None:
    assert signed() == signed()


def test_ed25519_signs_the_hash_of_what_dkimpy_canonicalizes() -> None:
    raw = Signer("example.com", [("s2", ED25519_KEY)]).sign_message(message())
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = header_fields(head + b"\r\n")
    tags = signature_tags(raw)
    names = [part.strip().lower() for part in tags[b"h"].split(b":")]
    selected = dkim.select_headers(Relaxed.canonicalize_headers(fields[1:]), names)
    own_name, own_value = fields[0]
    unsigned = own_value[: own_value.rindex(b"b=") + 2]
    ((name, value),) = Relaxed.canonicalize_headers([(own_name, unsigned)])
    data = b"".join(key + b":" + text for key, text in selected)
    digest = hashlib.sha256(data + name + b":" + value.rstrip()).digest()
    public = base64.b64decode(dns_record(ED25519_KEY).partition("p=")[2])
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(tags[b"b"]), digest)
    assert tags[b"a"] == b"ed25519-sha256"
    assert base64.b64decode(tags[b"bh"]) == hashlib.sha256(Relaxed.canonicalize_body(body)).digest()


def test_a_message_is_signed_with_each_key() -> None:
    both = Signer("example.com", [("s1", RSA_KEY), ("s2", ED25519_KEY)]).sign_message(message())
    rsa_only = Signer("example.com", [("s1", RSA_KEY)]).sign_message(message())
    other = Signer("example.com", [("s2", ED25519_KEY)]).sign(
        header_fields(message().partition(b"\r\n\r\n")[0] + b"\r\n"),
        message().partition(b"\r\n\r\n")[2],
    )
    assert both == rsa_only.removesuffix(message()) + other + message()


@given(st.lists(st.sampled_from([b" ", b"\t", b"a", b"\r\n"])).map(b"".join))
def test_bodies_are_canonicalized_as_dkimpy_does(body: bytes) -> None:
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    assert relaxed_body(body) == Relaxed.canonicalize_body(body).removeprefix(
        b"" if body.strip() else b"\r\n"
    )


def test_other_keys_are_refused() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(TypeError, match="RSA or an Ed25519"):
        Signer("example.com", [("s1", pem)])
