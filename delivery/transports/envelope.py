"""A message on its way to one recipient, in the form that goes over the wire."""

from dataclasses import dataclass, field
from functools import cached_property

from delivery.transports.addresses import Address


@dataclass(frozen=True)
class Envelope:
    """One message to one recipient. ``content`` is a complete message in 7-bit ASCII.

    ``identifier`` is returned in bounces (ENVID, RFC 3461): an opaque id, never personal data.
    Raises ValueError for an identifier or content that cannot be sent as it is.
    """

    identifier: str
    sender: Address
    recipient: Address
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not self.identifier.replace("-", "").isalnum() or not self.identifier.isascii():
            raise ValueError("An envelope's identifier consists of letters, digits and hyphens.")
        if not self.content.isascii() or b"\0" in self.content:
            raise ValueError("A message's content is 7-bit ASCII without NUL.")

    @cached_property
    def needs_utf8(self) -> bool:
        """Whether an address takes SMTPUTF8 (RFC 6531)."""
        return not (self.sender.local.isascii() and self.recipient.local.isascii())

    @cached_property
    def wire_content(self) -> bytes:
        """The content as it goes out after DATA, with the final dot."""
        return transparent(self.content)


def transparent(content: bytes) -> bytes:
    """CRLF line ends only, leading dots doubled, final dot added (RFC 5321 4.5.2, 2.3.8).

    A bare LF or CR becomes CRLF before the dots are doubled, so no server can read an end of
    data, and so a second message, where we did not mean one.
    """
    rest = b"".join(content.split(b"\r\n"))
    if b"\n" in rest or b"\r" in rest:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
