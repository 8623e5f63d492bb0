"""Email addresses, by a grammar stricter than RFC 5321: one plain mailbox, nothing around it.

Refused on purpose: display names, lists, comments, quoted local parts, address literals and
non-ASCII local parts. Each is rare among patients and a way to mail somebody else.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import idna

MAX_LOCAL_OCTETS = 64  # RFC 5321 4.5.3.1.1
MAX_ADDRESS_OCTETS = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets with its angle brackets

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322 3.2.3, atext
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")


class EmailProblem(ValueError):
    """The text is not one plain email address. The message never repeats the text."""


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """One mailbox: the local part as given, the domain in ASCII and lower case."""

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one address; raise EmailProblem in plain words when it is not one."""
        text = text.strip()
        if any(character in text for character in "<>,; \t\r\n"):
            raise EmailProblem("the email must be one address without a name or spaces around it")
        local, at, domain = text.rpartition("@")
        if not at or not local or not domain:
            raise EmailProblem("the email must look like name@example.org")
        if len(local) > MAX_LOCAL_OCTETS or not _LOCAL.fullmatch(local):
            raise EmailProblem("the part of the email before the @ is not valid")
        address = cls(local, _ascii_domain(domain))
        if len(str(address)) > MAX_ADDRESS_OCTETS:
            raise EmailProblem("the email is too long")
        return address

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def match_key(self) -> str:
        """The form to compare by. Mail goes to the address as given (RFC 5321 2.4)."""
        return f"{self.local.casefold()}@{self.domain}"


@lru_cache(maxsize=4096)  # a patient list has few domains, and IDNA is slow
def _ascii_domain(domain: str) -> str:
    problem = EmailProblem("the part of the email after the @ is not a mail domain")
    try:
        ascii_domain = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        raise problem from None  # the cause would quote the domain
    *_, top = ascii_domain.split(".")
    if "." not in ascii_domain or not top or top.isdigit():
        raise problem
    return ascii_domain.lower()
