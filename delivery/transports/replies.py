"""SMTP replies (RFC 5321 4.2): a bounded parser that is fed bytes as they arrive."""

import re
from dataclasses import dataclass

# RFC 5321 4.5.3.1.5 allows 512 octets; servers are seen to send more, never this much.
MAX_LINE = 2048
MAX_LINES = 128

_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?:[ \t]|$)")


class ReplyError(Exception):
    """The server did not speak SMTP. The text never repeats what it said."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply: its code, and the text of each line without the code."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 3463), if there is one and it fits the reply code."""
        match = _ENHANCED.match(self.lines[0])
        if match is None or int(match[1][:1]) != self.code // 100:
            return None
        return match[1].decode("ascii")


class ReplyParser:
    """Turns a stream of bytes into replies, however the stream was cut into pieces."""

    def __init__(self) -> None:
        self._buffer = b""
        self._code: bytes | None = None
        self._lines: list[bytes] = []

    @property
    def unfinished(self) -> bool:
        """Whether bytes of an incomplete reply are waiting."""
        return bool(self._buffer or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes, give the replies they complete; raises :class:`ReplyError`."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > MAX_LINE + len(b"\r"):
            raise ReplyError("A reply line is too long.")
        return [reply for line in lines if (reply := self._take(line.removesuffix(b"\r")))]

    def _take(self, line: bytes) -> Reply | None:
        """Add one line; the reply, if this was its last line."""
        code, separator, text = line[:3], line[3:4], line[4:]
        if len(line) > MAX_LINE:
            raise ReplyError("A reply line is too long.")
        if not code.isdigit() or not b"200" <= code <= b"599" or separator not in (b"", b" ", b"-"):
            raise ReplyError("A reply line does not begin with a reply code.")
        if self._code not in (None, code):
            raise ReplyError("The lines of one reply have different codes.")
        self._lines.append(text)
        if separator == b"-":
            self._code = code
            if len(self._lines) >= MAX_LINES:
                raise ReplyError("A reply has too many lines.")
            return None
        reply = Reply(int(code), tuple(self._lines))
        self._code, self._lines = None, []
        return reply
