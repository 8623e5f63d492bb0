"""The addresses we send to: a strict grammar of our own.

Parsers that "repair" an address (``a@b, c@d``, ``c@d> NOTIFY=NEVER``, ``@route:u@d``) send a
message to somebody nobody chose. So this grammar only knows RFC 5321 dot-strings, with a domain
name behind one ``@``, and refuses everything else. Beyond ASCII (RFC 6531) a local part may have
letters, marks and digits of any script, in the one composed form (NFC) that RFC 6532 asks for.
"""

import re
import unicodedata
from dataclasses import dataclass, field

import idna

# RFC 5321 4.5.3.1: octets in a local part, a domain and a path without its angle brackets.
MAX_LOCAL = 64
MAX_DOMAIN = 253
MAX_ADDRESS = 254

# RFC 5322 atext without "%" and "!": the two old ways to smuggle a route through a relay.
_ATOM = r"[A-Za-z0-9#$&'*+\-/=?^_`{|}~\u0080-\U0010ffff]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label starts with a letter: that keeps IP addresses out.
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")


class AddressError(ValueError):
    """An address cannot be used. The text says why and never repeats the address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: the local part as given, the domain as lower-case IDNA A-labels.

    Neither part is shown by ``repr``, so that an address cannot slip into a log or traceback.
    """

    local: str = field(repr=False)
    domain: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def parse_address(text: str) -> Address:
    """Read one address, or raise :class:`AddressError` with a plain reason."""
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise AddressError("An address needs a name, an @ sign and a domain.")
    if not _LOCAL.fullmatch(local) or "=?" in local or not _is_plain_writing(local):
        raise AddressError("The part before the @ sign has a character that is not allowed there.")
    octets = len(local.encode())
    if octets > MAX_LOCAL:
        raise AddressError(f"The part before the @ sign is longer than {MAX_LOCAL} characters.")
    address = Address(local, parse_domain(domain))
    if octets + 1 + len(address.domain) > MAX_ADDRESS:
        raise AddressError(f"The address is longer than {MAX_ADDRESS} characters.")
    return address


def _is_plain_writing(text: str) -> bool:
    """No controls, separators, signs or invisible characters beyond ASCII, and composed."""
    return text.isascii() or (
        unicodedata.is_normalized("NFC", text)
        and all(each.isascii() or unicodedata.category(each)[0] in "LMN" for each in text)
    )


def parse_domain(text: str) -> str:
    """The domain as IDNA A-labels (RFC 5891, mapped by UTS 46), or :class:`AddressError`."""
    domain = text.lower()
    if not domain.isascii() or "xn--" in domain:
        try:
            domain = idna.encode(text, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise AddressError("The domain is not a valid internet name.") from None
    if len(domain) > MAX_DOMAIN or not _DOMAIN.fullmatch(domain):
        raise AddressError("The domain is not a valid internet name.")
    return domain
