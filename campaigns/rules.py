"""What an approval covers, who may give it, and how a report adds up. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from contacts.rules.counts import SMALL, Count, hide_few, hide_small, hide_small_cells


def approval_digest(parts: Mapping[str, object]) -> str:
    """SHA-256 over everything that decides who gets what, from whom and why.

    Any edit of any part gives another digest, so an approval of the old one is void.
    """
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def missing_from(fields: Collection[str], promotional: bool) -> str:
    """What a promotional message lacks by 15 U.S.C. 7704(a)(5), in words; empty if nothing."""
    asked = {"unsubscribe_url": "a way to stop", "postal_address": "your postal address"}
    missing = [f"{what} ({{{{ {name} }}}})" for name, what in asked.items() if name not in fields]
    if not promotional or not missing:
        return ""
    return f"A message like this must hold {' and '.join(missing)}. Add it to the template."


def may_decide(decider: UUID, authors: set[UUID]) -> bool:
    """Whether this person is a second person: neither wrote nor submitted it."""
    return decider not in authors


@dataclass(frozen=True)
class Line:
    """One line of a report's breakdown."""

    code: str
    label: str
    count: Count


@dataclass(frozen=True)
class Section:
    """Lines that add up to a total, as far as both may be shown."""

    lines: list[Line]
    total: Count


@dataclass(frozen=True)
class Funnel:
    """What became of an audience, and inside each outcome why."""

    outcome: Section
    reasons: dict[str, Section]


def funnel(cells: Mapping[tuple[str, str], int]) -> Funnel:
    """Breakdowns by outcome and by (outcome, reason) that don't give each other's small cells away.

    Hiding is decided once, over the finest cells; an outcome's sum is shown only if every one of
    its cells is, so that it tells nothing that they don't.
    """
    keys = {f"{outcome}|{reason}": (outcome, reason) for outcome, reason in cells}
    shown = hide_small_cells({key: cells[pair] for key, pair in keys.items()})
    outcomes, reasons = [], {}
    for outcome in sorted({outcome for outcome, _ in cells}):
        leaves = {pair[1]: key for key, pair in keys.items() if pair[0] == outcome}
        number = sum(cells[outcome, reason] for reason in leaves)
        hidden = any(shown.cells[key].hidden for key in leaves.values())
        total = Count(None, "hidden") if hidden else hide_small(number)
        lines = [
            Line(reason, _words(REASONS, reason), shown.cells[key])
            for reason, key in leaves.items()
            if cells[outcome, reason]
        ]
        reasons[outcome] = Section(_largest_first(lines), total)
        if number:
            outcomes.append(Line(outcome, _words(STATUSES, outcome), total))
    return Funnel(Section(_largest_first(outcomes), shown.total), reasons)


def _largest_first(lines: list[Line]) -> list[Line]:
    """Hidden ones last, by name: their place must not tell how large they are."""
    return sorted(lines, key=lambda line: (line.count.hidden, -(line.count.value or 0), line.code))


def forecast_lines(permitted: int, reasons: Mapping[str, int]) -> list[Line]:
    """How many may be mailed, and why not the others. The first number is what one confirms."""
    lines = [
        Line(code, _words(REASONS, code), hide_small(number)) for code, number in reasons.items()
    ]
    return [Line("permitted", "Will be mailed", hide_few(permitted)), *_largest_first(lines)]


def about(number: int, lines: Collection[Line]) -> str:
    """A total beside a breakdown, rounded if exactness would tell a hidden line."""
    if number <= SMALL or not any(line.count.hidden for line in lines):
        return hide_few(number).text
    return f"about {round(number, -1):,}"


def part_of(number: int, whole: int) -> Count:
    """A group inside a larger one: hidden if it is small, or if those outside of it are few."""
    if 1 <= number <= SMALL or 1 <= whole - number <= SMALL:
        return Count(None, "hidden")
    return hide_small(number)


def outcome_in_words(status: str) -> str:
    """What became of one message."""
    return _words(STATUSES, status)


def _words(labels: Mapping[str, str], code: str) -> str:
    return labels.get(code, code.replace("_", " ").capitalize())


REASONS = {
    "no_authorization": "No signed authorization",
    "expired": "Authorization expired",
    "revoked": "Authorization revoked",
    "lacks_remuneration_statement": "Authorization does not mention payment",
    "purpose_not_covered": "Authorization does not cover this purpose",
    "information_not_covered": "Authorization does not cover this information",
    "unsubscribed": "Unsubscribed",
    "bounced": "Address no longer exists",
    "complained": "Reported an earlier message as spam",
    "do_not_contact": "Asked not to be contacted",
    "deceased": "Deceased",
    "no_address": "No email address",
    "recipient_gone": "The mailbox does not exist",
    "mailbox_full": "The mailbox is full",
    "gave_up": "The mail server did not answer for two days",
    "policy": "The mail server refuses our mail",
    "content": "The mail server refuses this message",
    "no_such_domain": "The mail domain does not exist",
    "takes_no_mail": "The mail domain takes no mail",
    "bad_address": "The address can't be used",
    "bad_content": "The message could not be filled in",
    "unreadable": "The patient's record can't be read",
    "bad_header": "The message could not be written",
    "worker_died": "Sending was interrupted",
    "lost_after_content": "The connection broke before the answer",
    "no_starttls": "The mail server offers no encryption",
    "starttls_refused": "The mail server refuses to encrypt",
    "certificate_expired": "The mail server's certificate has expired",
    "certificate_name": "The mail server's certificate is for another name",
    "certificate_untrusted": "The mail server's certificate is not trusted",
    "tls_too_old": "The mail server's encryption is too old",
    "": "No reason recorded",
}
STATUSES = {
    "accepted": "Delivered to the mail server over verified TLS",
    "in_portal": "Waiting in the secure portal",
    "suppressed": "Not mailed: no lawful basis, or a wish not to be mailed",
    "failed": "Could not be delivered",
    "held": "Held for the privacy officer",
    "stopped": "Stopped before sending",
    "uncertain": "Uncertain: may have arrived",
    "in_flight": "Still on the way",
}
