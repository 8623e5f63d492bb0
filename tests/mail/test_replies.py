"""The reply parser: the same replies however the bytes are cut, and bounds on everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.transports.replies import MAX_LINE, MAX_LINES, Reply, ReplyError, ReplyParser

texts = st.binary(max_size=40).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b""))
replies = st.builds(
    Reply, st.integers(200, 599), st.lists(texts, min_size=1, max_size=5).map(tuple)
)


def on_the_wire(reply: Reply) -> bytes:
    *first, last = reply.lines
    lines = [b"%d-%b\r\n" % (reply.code, line) for line in first]
    return b"".join([*lines, b"%d %b\r\n" % (reply.code, last)])


@given(st.lists(replies, max_size=5), st.data())
def test_replies_are_the_same_however_they_are_cut(sent: list[Reply], data: st.DataObject) -> None:
    stream = b"".join(on_the_wire(reply) for reply in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parser = ReplyParser()
    received = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += parser.feed(stream[start:end])
    assert received == sent
    assert not parser.unfinished


pieces = st.sampled_from(
    [
        b"250-a\r\n",
        b"250 b\n",
        b"550 c\r\n",
        b"2",
        b"50",
        b" ",
        b"-",
        b"\r",
        b"\n",
        b"x" * 2045,
        b"y",
    ]
)


@given(st.lists(pieces, max_size=30).map(b"".join) | st.binary(max_size=300), st.data())
def test_any_bytes_come_to_the_same_however_they_are_cut(
    stream: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole, whole_failed = fed([stream])
    cut, cut_failed = fed(parts)
    assert whole_failed == cut_failed
    assert whole_failed or whole == cut


def fed(parts: list[bytes]) -> tuple[list[Reply], bool]:
    """The replies, and whether it ended with an error. Checks that little is kept meanwhile."""
    parser = ReplyParser()
    received: list[Reply] = []
    for part in parts:
        try:
            received += parser.feed(part)
        except ReplyError:
            return received, True
        assert len(parser._buffer) <= MAX_LINE + 1
        assert len(parser._lines) < MAX_LINES
    return received, False


@given(st.binary(max_size=300))
def test_any_bytes_are_replies_an_unfinished_reply_or_an_error(stream: bytes) -> None:
    parser = ReplyParser()
    try:
        received = parser.feed(stream)
    except ReplyError:
        return
    assert all(200 <= reply.code <= 599 for reply in received)
    assert received or parser.unfinished or not stream


@pytest.mark.parametrize(
    "stream",
    [
        b"250-first\r\n550 second\r\n",
        b"hello\r\n",
        b"199 x\r\n",
        b"600 x\r\n",
        b"250_x\r\n",
        b"\r\n",
        b"250 " + b"x" * MAX_LINE + b"\r\n",
        b"x" * (MAX_LINE + 2),
        b"250-x\r\n" * MAX_LINES,
    ],
)
def test_what_is_no_reply_or_without_end_is_refused(stream: bytes) -> None:
    with pytest.raises(ReplyError):
        ReplyParser().feed(stream)


@pytest.mark.parametrize(
    ("line", "enhanced"),
    [
        (b"550 5.1.1 gone", "5.1.1"),
        (b"550 5.1.10", "5.1.10"),
        (b"250 2.0.0 taken", "2.0.0"),
        (b"550 4.1.1 contradiction", None),
        (b"550 no code", None),
        (b"550", None),
        (b"550 5.1.1.1 odd", None),
    ],
)
def test_enhanced_codes_count_when_they_fit_the_reply_code(
    line: bytes, enhanced: str | None
) -> None:
    (reply,) = ReplyParser().feed(line + b"\r\n")
    assert reply.enhanced == enhanced
