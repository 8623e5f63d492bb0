"""Messages as bytes (RFC 5322, RFC 2045 to 2047): quick, exact and the same on every attempt.

``email.message`` is not used to build: it is slow, and it turns a long List-Unsubscribe into
encoded words that mailbox providers ignore.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from delivery.transports.addresses import Address, AddressError, parse_address, parse_domain

# RFC 5322 2.1.1: octets in a line without its end: should and must not exceed.
LINE_LENGTH = 78
MAX_LINE = 998

# 39 octets make an encoded word of 64 characters: it fits a line of 76 behind our header names.
_WORD_OCTETS = 39
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,59}")
_FEEDBACK_ID = re.compile(r"[A-Za-z0-9_-]*(?::[A-Za-z0-9_-]*){2}:[A-Za-z0-9_-]{5,15}")
_URI = re.compile(r"(?:https?|mailto):[!#-;=?-\[\]_a-z~]+")
_ATEXT_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]+")


class HeaderError(ValueError):
    """A value must not go into a header. The text names the header, never the value."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with an optional display name."""

    address: str
    name: str = ""


class Skeleton:
    """What all messages of a mailing have in common: sender, subject and form.

    ``host`` is the domain of Message-IDs. ``feedback_id`` is ``a:b:c:SenderId`` without personal
    data. Raises :class:`HeaderError` for a value that does not belong into a header.
    """

    def __init__(
        self,
        *,
        host: str,
        sender: Mailbox,
        subject: str,
        reply_to: Mailbox | None = None,
        feedback_id: str = "",
    ) -> None:
        self._host = _host(host)
        headers = [_mailbox("From", sender), _text("Subject", subject)]
        if reply_to is not None:
            headers.append(_mailbox("Reply-To", reply_to))
        if feedback_id:
            headers.append(_feedback_id(feedback_id))
        headers.append("MIME-Version: 1.0")
        self._headers = "\r\n".join(headers)

    def message(
        self,
        identifier: str,
        date: datetime,
        recipient: Address,
        text: bytes,
        html: bytes | None = None,
        list_unsubscribe: Sequence[str] = (),
    ) -> bytes:
        """A complete message in 7-bit ASCII with CRLF line ends. The same input gives the same
        bytes.

        ``identifier`` is opaque and unique for the message (letters, digits, hyphens): it makes
        ``<identifier@host>``, the Message-ID, and the boundary. ``date`` has a time zone. The parts
        are quoted-printable; ``html`` makes it multipart/alternative. An https URI in
        ``list_unsubscribe`` also declares one-click unsubscribe (RFC 8058).
        """
        if not _IDENTIFIER.fullmatch(identifier):
            raise HeaderError("Message-ID: the identifier consists of letters, digits and hyphens.")
        if date.tzinfo is None:
            raise HeaderError("Date: a time zone is needed.")
        own = [
            _to(recipient),
            f"Date: {_date(date)}",
            f"Message-ID: <{identifier}@{self._host}>",
            *(_list_unsubscribe(list_unsubscribe) if list_unsubscribe else ()),
        ]
        head = "\r\n".join((self._headers, *own, "")).encode("ascii")
        if html is None:
            return head + _PLAIN + text
        return head + _alternative(identifier, text, html)


@lru_cache(maxsize=4)
def _date(moment: datetime) -> str:
    """The letters of one chunk have the same."""
    return format_datetime(moment)


def build(
    *,
    identifier: str,
    host: str,
    date: datetime,
    sender: Mailbox,
    recipient: Address,
    subject: str,
    text: str,
    html: str | None = None,
    reply_to: Mailbox | None = None,
    list_unsubscribe: Sequence[str] = (),
    feedback_id: str = "",
) -> bytes:
    """One message of its own; see :class:`Skeleton` for the arguments and errors."""
    skeleton = Skeleton(
        host=host, sender=sender, subject=subject, reply_to=reply_to, feedback_id=feedback_id
    )
    parts = quoted_printable(text), None if html is None else quoted_printable(html)
    return skeleton.message(identifier, date, recipient, *parts, list_unsubscribe)


def check_name(name: str) -> None:
    """Raises :class:`HeaderError` for a display name that no message could carry."""
    _guard("From", name)


def quoted_printable(text: str) -> bytes:
    """UTF-8 text in lines of at most 76 octets that end with CRLF (RFC 2045 6.7)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    return binascii.b2a_qp(lines.replace("\n", "\r\n").encode("utf-8"), istext=True)


def _alternative(identifier: str, text: bytes, html: bytes) -> bytes:
    # "=_" cannot occur in quoted-printable text, so the boundary cannot occur in a part.
    boundary = f"=_{identifier}".encode("ascii")
    return b"".join(
        (
            b'Content-Type: multipart/alternative;\r\n boundary="%b"\r\n\r\n' % boundary,
            b"--%b\r\n" % boundary,
            _PLAIN,
            text,
            b"\r\n--%b\r\n" % boundary,
            _HTML,
            html,
            b"\r\n--%b--\r\n" % boundary,
        )
    )


def _part_head(kind: str) -> bytes:
    return (
        f"Content-Type: text/{kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode("ascii")


_PLAIN, _HTML = _part_head("plain"), _part_head("html")


def _text(name: str, value: str) -> str:
    """An unstructured header: as it is where that is possible, else in encoded words."""
    _guard(name, value)
    value = value.strip()
    if value.isascii() and len(name) + 2 + len(value) <= LINE_LENGTH:
        return f"{name}: {value}"
    return f"{name}: {_encoded_words(value)}"


def _mailbox(name: str, mailbox: Mailbox) -> str:
    _guard(name, mailbox.name)
    try:
        address = parse_address(mailbox.address)
    except AddressError as error:
        raise HeaderError(f"{name}: {error}") from None
    display = mailbox.name.strip()
    if not display:
        return f"{name}: {address}"
    if not display.isascii() or len(display) > LINE_LENGTH - len(name) - 4:
        display = _encoded_words(display)
    elif not _ATEXT_PHRASE.fullmatch(display):
        display = '"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name}: {display}\r\n <{address}>"


def _to(recipient: Address) -> str:
    """Headers are ASCII always; an address that isn't stands in the envelope alone (RFC 6531)."""
    address = str(recipient)
    return f"To: {address}" if address.isascii() else "To: undisclosed-recipients:;"


def _list_unsubscribe(uris: Sequence[str]) -> list[str]:
    """RFC 2369: raw URIs, folded between them and never encoded; with https also RFC 8058."""
    for uri in uris:
        if not _URI.fullmatch(uri) or len(uri) > MAX_LINE - 20:
            raise HeaderError("List-Unsubscribe: only web and mailto addresses belong here.")
    header = "List-Unsubscribe: " + ",\r\n ".join(f"<{uri}>" for uri in uris)
    if not any(uri.startswith("https:") for uri in uris):
        return [header]
    return [header, "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]


def _feedback_id(value: str) -> str:
    if not _FEEDBACK_ID.fullmatch(value):
        raise HeaderError("Feedback-ID: four opaque parts with colons are needed.")
    return f"Feedback-ID: {value}"


def _host(host: str) -> str:
    try:
        return parse_domain(host)
    except AddressError as error:
        raise HeaderError(f"Message-ID: {error}") from None


def _guard(name: str, value: str) -> None:
    """Refuse what could end the header or be decoded into something else by a reader."""
    if "=?" in value or any(unicodedata.category(c) in _REFUSED for c in value):
        raise HeaderError(f"{name}: line breaks, control characters and =? do not belong here.")


# Control characters, line and paragraph separators (U+2028, U+2029), lone surrogates.
_REFUSED = frozenset({"Cc", "Zl", "Zp", "Cs"})


def _encoded_words(value: str) -> str:
    """RFC 2047, in words that do not cut a character in two, one to a line."""
    words: list[bytes] = [b""]
    for character in value:
        octets = character.encode("utf-8")
        if len(words[-1]) + len(octets) > _WORD_OCTETS:
            words.append(b"")
        words[-1] += octets
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode('ascii')}?=" for word in words)
