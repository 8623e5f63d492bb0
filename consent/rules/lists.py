"""Addresses in a do-not-contact list, whatever else stands beside them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from contacts.rules.email import EmailAddress, EmailProblem

_BETWEEN = re.compile(r"[,;\t|]")


@dataclass(frozen=True, slots=True)
class FoundAddresses:
    """Each address once, as it stood first, and the lines in which there was none."""

    addresses: list[str] = field(repr=False)
    others: list[str] = field(repr=False)


def addresses_in(lines: Iterable[str]) -> FoundAddresses:
    """Read a list line by line: one or more addresses in a line, or cells of a table."""
    found: dict[str, str] = {}
    others = []
    for line in lines:
        mailboxes = list(filter(None, map(_mailbox, _BETWEEN.split(line))))
        for each in mailboxes:
            found.setdefault(each.match_key, str(each))
        if not mailboxes and line.strip(" ,;|\t\r\n"):
            others.append(line.strip())
    return FoundAddresses(list(found.values()), others)


def _mailbox(text: str) -> EmailAddress | None:
    try:
        return EmailAddress.parse(text.strip().strip("\"'"))
    except EmailProblem:
        return None
