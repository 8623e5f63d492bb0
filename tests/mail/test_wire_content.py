"""Content that is rendered straight into quoted-printable reads exactly as `render` has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import quopri
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from dkim.canonicalization import Relaxed
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivery.content import (
    CompiledContent,
    ContentError,
    Rendered,
    WireContent,
    compile_content,
    render,
)
from delivery.content.wire import encoded
from delivery.dkim import (
    Signer,
    dns_record,
    header_fields,
    new_ed25519_key,
    new_rsa_key,
    relaxed_body,
)
from delivery.mime import Mailbox, Skeleton
from delivery.transports.addresses import parse_address
from delivery.transports.envelope import transparent

FIELDS = ("first", "second", "age", "kind", "many")
PREFIX = "https://mail.riverside.test/abcdefghjk/click/" + "t" * 43 + "/"
PIXEL = "https://mail.riverside.test/abcdefghjk/open/" + "p" * 43
RSA_KEY, ED25519_KEY = new_rsa_key(), new_ed25519_key()

# What authors write, in pieces that may follow each other in any order.
PIECES = (
    "{{ first }}",
    "{{ first }}{{ second }}",
    "{{ first }} {{ second }}",
    "{{ first|upper }}, {{ second|title }}",
    "{{ age }}",
    '{{ first|default("nobody") }}',
    "{{ kind }}",
    "{{ many }}",
    "{{ organization_name }}",
    "{% if age > 50 %}<b>over  fifty</b>{% elif first %}{{ first }}{% else %} nobody {% endif %}",
    '{% if kind == "a" %}A{% endif %}',
    "{% if first and not second %}\n.\n{% endif %}",
    "{% for each in many %}<i>{{ each }}</i>{% endfor %}",
    "{% for each in many %}{{ each }}{{ first }} {% endfor %}",
    "{% for each in many %}\n.{{ each }}.\n{% endfor %}",
    '<a href="https://www.riverside.test/?a=1&amp;b=%20ü">more</a>',
    f'<a href="https://www.riverside.test/{"x" * 300}">{{{{ first }}}}</a>',
    '<a href="{{ unsubscribe_url }}">stop</a>',
    '<img alt="{{ second }}" src="data:image/png;base64,AAAA" width="1">',
    "<br>",
    "<pre>a\tb  c \n.\n..\n \n</pre>",
    "&#123;&#123; = =3D =\n",
    "é ü 日本語 🩺 ﷽",
    "long " * 40,
    "unbroken" * 40,
    " ",
    "  ",
    "\t",
    "\n",
    "\n.\n",
    "\r\n",
    "&nbsp;",
    "From \n",
)
_texts = st.one_of(
    st.text(st.sampled_from("ab.=é日🩺 \t\n\r\0\x85\u2028<&\"'"), max_size=12),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=90),
    st.sampled_from(["", " ", ".", "\r\n.\r\n", "x" * 75, "x" * 76, "a " * 38, "é" * 40]),
)
_choices = st.one_of(
    st.fixed_dictionaries({"code": st.sampled_from("ab"), "label": _texts}),
    st.lists(st.fixed_dictionaries({"code": st.sampled_from("ab"), "label": _texts}), max_size=3),
)
VALUES: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        "first": _texts,
        "second": _texts,
        "age": st.integers(0, 120),
        "kind": _choices,
        "many": st.one_of(_texts, st.lists(_texts, max_size=4)),
        "organization_name": _texts,
        "unsubscribe_url": st.just(f"https://mail.riverside.test/abcdefghjk/u/{'u' * 120}?a=1&b=2"),
    },
)
TEMPLATES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(tuple)


@lru_cache(maxsize=512)
def compiled(pieces: tuple[str, ...], preheader: str = "Ümlaut  und mehr") -> CompiledContent:
    return compile_content("A note", preheader, "".join(("<h1>News</h1>", *pieces)), FIELDS)


def plain_ends(value: object) -> object:
    """With line ends as mail has them, so that two values can't make one between them."""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, list):
        return [plain_ends(each) for each in value]
    if isinstance(value, dict):
        return {key: plain_ends(each) for key, each in value.items()}
    return value


def expected(content: CompiledContent, values: Mapping[str, object], counted: bool) -> Rendered:
    return render(
        content,
        {name: plain_ends(value) for name, value in values.items()},
        (lambda number: f"{PREFIX}{number}") if counted else None,
        PIXEL if counted else None,
    )


def decoded(part: bytes) -> str:
    return quopri.decodestring(part).decode().replace("\r\n", "\n")


def assert_fit_for_the_wire(part: bytes) -> None:
    """RFC 2045 6.7, and what DKIM's relaxed form leaves as it is."""
    assert part.isascii()
    assert not any(octet < 32 and octet not in b"\r\n" for octet in part)
    lines = part.split(b"\r\n")
    assert all(len(line) <= 76 for line in lines)
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert b"  " not in part
    assert not any(line.endswith(b" ") for line in lines)


def message(text: bytes, html: bytes) -> bytes:
    skeleton = Skeleton(
        host="riverside.test",
        sender=Mailbox("care@riverside.test", "Riverside Health"),
        subject="A note",
    )
    unsubscribe = [f"https://mail.riverside.test/abcdefghjk/unsubscribe/{'t' * 43}"]
    now = datetime(2026, 11, 22, tzinfo=UTC)
    to = parse_address("ann@clinic.test")
    return skeleton.message("0193abc", now, to, text, html, unsubscribe)


@settings(max_examples=400)
@given(TEMPLATES, VALUES, st.booleans())
def test_what_is_decoded_is_what_was_rendered(
    pieces: tuple[str, ...], values: dict[str, object], counted: bool
) -> None:
    content = compiled(pieces)
    text, html = WireContent(content).fill(
        values, PREFIX if counted else None, PIXEL if counted else None
    )
    wanted = expected(content, values, counted)
    assert decoded(text) == wanted.text
    assert decoded(html) == wanted.html
    assert_fit_for_the_wire(text)
    assert_fit_for_the_wire(html)
    body = message(text, html).partition(b"\r\n\r\n")[2]
    assert relaxed_body(body) == body == Relaxed.canonicalize_body(body)


@given(_texts)
@example("x" * 74)
@example("x" * 75)
@example("x" * 76)
@example("a " * 37 + "b")
@example("é" * 25)
@example(" ")
@example("\n \n")
@example("a\r")
def test_pieces_may_follow_each_other_in_any_order(text: str) -> None:
    alone = encoded(text)
    wanted = str(plain_ends(text))
    for before, after in (("", ""), ("a ", " b"), (".", "."), ("\n", "\n"), ("=", "\t")):
        together = f"{encoded(before)}{alone}{encoded(after)}".encode("ascii")
        assert decoded(together) == f"{before}{wanted}{after}"
        assert_fit_for_the_wire(together)


@pytest.mark.parametrize("value", [".", "\n.\n", "\r\n.\r\n", ".\r\nQUIT", "..", "\n..\n."])
def test_case_33_lone_dots_in_values_end_nothing(value: str) -> None:
    content = compiled(("<p>{{ first }}</p>", "{{ first }}"))
    text, html = WireContent(content).fill({"first": value})
    sent = transparent(message(text, html))
    assert sent.count(b"\r\n.\r\n") == 1
    received = sent.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    assert received == message(text, html)


@settings(max_examples=40)
@given(TEMPLATES, VALUES)
def test_both_signatures_verify(pieces: tuple[str, ...], values: dict[str, object]) -> None:
    parts = WireContent(compiled(pieces)).fill(values, PREFIX, PIXEL)
    signer = Signer("riverside.test", [("r", RSA_KEY), ("e", ED25519_KEY)])
    records = {"r": dns_record(RSA_KEY), "e": dns_record(ED25519_KEY)}
    assert_both_signatures_verify(signer.sign_message(message(*parts)), records)


def assert_both_signatures_verify(raw: bytes, records: Mapping[str, str]) -> None:
    """By the DNS records of the selectors: RSA by dkimpy, Ed25519 over what dkimpy makes of the
    message, since its own verification of this kind needs a library more."""
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = header_fields(head + b"\r\n")
    tags = [dkim.parse_tag_value(value) for name, value in fields if name == b"DKIM-Signature"]
    assert [each[b"a"] for each in tags] == [b"rsa-sha256", b"ed25519-sha256"]

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().partition(".")[0]].encode()

    assert dkim.DKIM(raw).verify(idx=0, dnsfunc=look_up)
    name, value = fields[1]
    names = [each.strip().lower() for each in tags[1][b"h"].split(b":")]
    chosen = dkim.select_headers(Relaxed.canonicalize_headers(fields[2:]), names)
    ((own, unsigned),) = Relaxed.canonicalize_headers([(name, value[: value.rindex(b"b=") + 2])])
    data = b"".join(key + b":" + text for key, text in chosen) + own + b":" + unsigned.rstrip()
    hashed = hashlib.sha256(Relaxed.canonicalize_body(body)).digest()
    assert base64.b64decode(tags[1][b"bh"]) == hashed
    record = records[tags[1][b"s"].decode()]
    public = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(record.partition("p=")[2]))
    public.verify(base64.b64decode(tags[1][b"b"]), hashlib.sha256(data).digest())


def test_a_condition_that_compares_what_cannot_be_compared_is_refused_without_the_value() -> None:
    content = compiled(("{% if age > 50 %}old{% endif %}",))
    with pytest.raises(ContentError) as caught:
        WireContent(content).fill({"age": "canary"})
    assert "canary" not in str(caught.value)


@given(st.binary(max_size=200))
def test_every_octet_survives(octets: bytes) -> None:
    """As two other decoders read it, each on its own terms."""
    text = octets.decode("latin-1").replace("\r", "").replace("\0", "")
    part = encoded(text).encode("ascii")
    assert binascii.a2b_qp(part).replace(b"\r\n", b"\n") == text.encode()
    assert quopri.decodestring(part).replace(b"\r\n", b"\n") == text.encode()
