"""What an approval covers, who may give it, and how a report adds up. Pure."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from consent.rules.purposes import Purpose, Remuneration
from consent.rules.table import Requirement
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


def end_of(day: date, here: datetime) -> datetime:
    """The last moment of a day in the time zone of `here`."""
    return datetime.combine(day, time.max, here.tzinfo)


def with_notice(html: str, notice: str) -> str:
    """The message with a notice as its last paragraph."""
    body, end, rest = html.rpartition("</body>")
    paragraph = f"<p>{notice}</p>"
    return f"{body}{paragraph}{end}{rest}" if end else html + paragraph


def unanswered(answers: Mapping[str, object]) -> list[str]:
    """The questions that must be answered before a campaign can be submitted, in words."""
    return [
        question
        for name, question in QUESTIONS.items()
        if answers.get(name) in ("", None, "unknown") and _asked(name, answers)
    ]


def _asked(name: str, answers: Mapping[str, object]) -> bool:
    refill = answers.get("purpose") == Purpose.REFILL_REMINDER
    paid = answers.get("remuneration") in _MONEY
    conditions = {
        "sponsor": answers.get("remuneration") in (*_MONEY, Remuneration.IN_KIND),
        "payment": refill and paid,
        "cost": refill and paid,
        "refill_field": refill,
        "for_others": answers.get("purpose") == Purpose.FUNDRAISING,
    }
    return conditions.get(name, True)


QUESTIONS = {
    "purpose": "What is it about?",
    "remuneration": "Does anybody pay for it, or give something for it?",
    "sponsor": "Who pays, or gives?",
    "payment": "How much do they pay?",
    "cost": "What does it cost you to send it?",
    "refill_field": "Which field holds when the prescription ends?",
    "gives_away": "Does anybody else get the list, or what readers do?",
    "features": "Does it show or quote a patient?",
    "for_others": "Whom does the appeal benefit?",
}
"""Each question about a campaign, by the field that holds its answer."""


ANSWER_LABELS = {
    "purpose": "Purpose",
    "remuneration": "Payment",
    "sponsor": "Who pays or gives",
    "payment": "Amount paid",
    "cost": "Cost of sending",
    "refill_field": "End of the prescription",
    "gives_away": "Given to others",
    "features": "Shows a patient",
    "for_others": "For somebody else's benefit",
}


@dataclass(frozen=True)
class Change:
    """A part that differs: each line with "-" (gone), "+" (new) or " " (the same) before it."""

    part: str
    lines: list[tuple[str, str]]


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """The parts that differ, in the order of `after`, line by line."""
    return [
        Change(part, _lines(before.get(part, ""), text))
        for part, text in after.items()
        if before.get(part, "") != text
    ]


def _lines(before: str, after: str) -> list[tuple[str, str]]:
    """Changed lines, with one unchanged line around them."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return [(line[0], line[1:]) for line in found if line[:2] not in ("--", "++", "@@")]


def remuneration(
    answer: str, purpose: str, payment: Decimal | None, cost: Decimal | None
) -> Remuneration:
    """What a refill reminder's payment comes to: above the recorded cost it is payment like any
    other (45 CFR 164.501, marketing, (2)(i)). Without both amounts nobody knows."""
    said = Remuneration(answer)
    if purpose != Purpose.REFILL_REMINDER or said not in _MONEY:
        return said
    if payment is None or cost is None:
        return Remuneration.UNKNOWN
    return Remuneration.PAID if payment > cost else Remuneration.COST_ONLY


_MONEY = {Remuneration.COST_ONLY, Remuneration.PAID}


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


@dataclass(frozen=True)
class Waterfall:
    """From who matches to who will be mailed, one reason a line.

    Reasons of few people stand together in one line that is always there and never a number: a
    line that comes and goes would answer a question about one person.
    """

    reasons: list[Line]
    few: Line
    permitted: Line
    ways: list[Line]


def waterfall(
    permitted: int, reasons: Mapping[str, int], held: Mapping[str, int], ways: Mapping[str, int]
) -> Waterfall:
    """The last number is what one confirms. Ways are shown only where none of them is small: two
    of them and their sum would tell the third."""
    counts = Counter(reasons) + Counter(held)
    large = {code: number for code, number in counts.items() if number > SMALL}
    lines = [
        Line(code, _words(REASONS, code), hide_small(number)) for code, number in large.items()
    ]
    shown = ways if all(number > SMALL for number in ways.values()) else {}
    return Waterfall(
        _largest_first(lines),
        Line("few", "Other reasons, few people each", Count(None, "a few or none")),
        Line("permitted", "Will be mailed", hide_few(permitted)),
        [Line(way, WAYS[way], hide_small(number)) for way, number in shown.items() if number],
    )


NEEDS = {
    Requirement.NOTHING: "No signature is needed",
    Requirement.AUTHORIZATION: "Goes only to people with a signed authorization",
    Requirement.PART2_CONSENT: "Goes only to people with a consent for substance use records",
    Requirement.PRIVACY_OFFICER: "Waits for the privacy officer",
    Requirement.PROHIBITED: "Can't be sent",
}
WAYS = {
    "mail": "Straight to the inbox, over verified TLS",
    "portal": "A link to the secure portal",
    "blocked": "Nowhere: the mail domain takes no mail",
    "unknown": "Not known yet: found out when it is sent",
}


SHOWN_DOMAINS = 12


@dataclass(frozen=True)
class DomainLine:
    """One mail domain of a forecast: about how many people, by which way, and why."""

    domain: str
    people: str
    way: str
    label: str
    why: str


def by_domain(
    domains: Mapping[str, int], expected: Mapping[str, tuple[str, str]]
) -> tuple[list[DomainLine], int]:
    """The largest mail domains, and how many more there are with more than a few people.

    `expected` has way and reason of each. Domains of few people stand nowhere: their name may be a
    person's. Numbers are rounded, so that the total does not tell how many those are.
    """
    large = [domain for domain, number in domains.items() if number > SMALL]
    large.sort(key=lambda domain: (-round(domains[domain], -1), domain))
    lines = [
        DomainLine(domain, about(domains[domain]), way, SHORT_WAYS[way], why)
        for domain in large[:SHOWN_DOMAINS]
        for way, why in [expected[domain]]
    ]
    return lines, len(large) - len(lines)


SHORT_WAYS = {"mail": "inbox", "portal": "portal", "blocked": "blocked", "unknown": "not known"}


def about(number: int) -> str:
    """A total beside a breakdown that leaves some out: rounded, so as not to tell them."""
    return hide_few(number).text if number <= SMALL else f"about {round(number, -1):,}"


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


SENDER_NOT_READY = (
    "The sender's domain is not set up yet, so nothing can be sent from it. An administrator"
    " finishes that on the page Senders."
)

REASONS = {
    "no_authorization": "No signed authorization",
    "no_part2_consent": "No consent for substance use records",
    "prescription_ended": "Prescription ended over 90 days ago, and no authorization",
    "expired_by_state": "Authorization expired under state law",
    "type_too_small": "Signed form too small for state law",
    "lacks_sale_statement": "Authorization does not mention a sale",
    "copy_not_given": "Signer has no copy yet",
    "not_intact": "Authorization was altered",
    "disputed": "Authorization is disputed",
    "form_defective": "Signed form lacks something",
    "no_authority": "Representative's authority not described",
    "signed_in_future": "Signed in the future",
    "fundraising_opt_out": "Opted out of fundraising",
    "restricted": "Asked for a restriction",
    "paused": "Paused messages",
    "topic_declined": "Declined the topic",
    "often_enough": "Has got as many as they want",
    "unconfirmed": "Address not confirmed",
    "household": "Shared mailbox left alone",
    "refused_by_privacy_officer": "Refused by the privacy officer",
    "patient_story": "Shows a patient: waits for a ruling",
    "outside_records_health": "Health data of people who are not patients: waits for a ruling",
    "sponsored_wellness": "Sponsored health information: waits for a ruling",
    "fundraising_notice": "Notice of privacy practices does not mention fundraising: waits",
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
    "bounced_recipient_gone": "The message came back: the mailbox does not exist",
    "bounced_mailbox_full": "The message came back: the mailbox is full",
    "bounced_policy": "The message came back: the mail server refuses our mail",
    "bounced_content": "The message came back: the mail server refuses this message",
    "bounced_tls": "The message came back: no safe way to the mail server",
    "bounced_expired": "The message came back: the mail server could not be reached for days",
    "bounced_other": "The message came back undelivered",
    "relay_found_no_protection": "Our mail relay found no safe way to the mail server",
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
