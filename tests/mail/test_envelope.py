"""What goes over the wire after DATA."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.transports.addresses import parse_address
from delivery.transports.envelope import Envelope, transparent

SENDER = parse_address("bounce@sender.test")
RECIPIENT = parse_address("ann@clinic.test")
contents = st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"a", b"MAIL"])).map(b"".join)


def received(wire: bytes) -> bytes:
    """What a server by the book makes of it (RFC 5321 4.5.2)."""
    assert wire.endswith(b".\r\n")
    lines = wire.removesuffix(b".\r\n").split(b"\r\n")
    assert b"." not in lines
    return b"\r\n".join(line.removeprefix(b".") for line in lines)


@given(contents)
def test_case_33_the_server_reads_the_content_with_all_line_ends_made_crlf(content: bytes) -> None:
    normal = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    expected = normal if normal.endswith(b"\r\n") else normal + b"\r\n"
    assert received(transparent(content)) == expected


@given(contents)
def test_case_32_no_reading_of_line_ends_finds_an_early_end_of_data(content: bytes) -> None:
    inner = transparent(content)[: -len(b".\r\n")]
    for line_end in (rb"\r\n", rb"\n", rb"\r", rb"\r\n|\r|\n"):
        assert b"." not in re.split(line_end, inner)


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b".a\r\n..b\r\n", b"..a\r\n...b\r\n.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\r\nMAIL FROM:<x@y.test>", b"a\r\n..\r\nMAIL FROM:<x@y.test>\r\n.\r\n"),
        (b"", b"\r\n.\r\n"),
    ],
)
def test_case_32_and_33_dots_are_doubled_behind_any_line_end(content: bytes, wire: bytes) -> None:
    assert transparent(content) == wire


@pytest.mark.parametrize("identifier", ["", "a b", "a\r\nb", "a>", "ä"])
def test_identifiers_are_opaque_words(identifier: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        Envelope(identifier, SENDER, RECIPIENT, b"")


@pytest.mark.parametrize("content", [b"\xff", b"a\0b"])
def test_content_is_seven_bit(content: bytes) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        Envelope("id-1", SENDER, RECIPIENT, content)


def test_neither_address_nor_content_is_shown_by_repr() -> None:
    shown = repr(Envelope("id-1", SENDER, RECIPIENT, b"canary"))
    assert "ann" not in shown
    assert "canary" not in shown
