"""The page about the decision table, made from the table: `docs/decision-table.md`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from consent.rules.packs import PACKS
from consent.rules.purposes import Answer, Purpose, Remuneration
from consent.rules.table import RULES, TABLE, OptOut, Requirement, Rule, When
from contacts.rules.fields import Relationship

_INTRODUCTION = """\
# The decision table

Before each message, Sealwright decides whether this person may be sent it. This page is made from
the rules that decide: `python -m consent.rules.documentation`. It is the authors' reading of the
law, not legal advice; have your own counsel read it.

## How to read it

The rows are tried from the top. **The first row that fits decides**, and the rows stand in the
order of their strictness. So one more fact about a message (somebody pays for it, it is chosen by a
diagnosis) can move it up the table, to a stricter row, and never down. A question that nobody has
answered counts as the stricter answer, and the message waits.

After the row is found, three things can still stop the message, whatever the row says: the person
has died or has no address; the person does not want it (unsubscribed, opted out of fundraising,
paused, declined the topic, asked for a restriction under 45 CFR 164.522); or a state's stricter law
applies. None of these can make a message go that the row stops.

“Paid” means money from, or on behalf of, whoever's product or service the message describes, in any
amount (45 CFR 164.501, financial remuneration). For a refill reminder, payment up to the recorded
cost of sending does not count. Gifts in kind count where a state's law says so. “Patients” includes
members of a health plan. “Outsiders” are people whose data does not come from patient or member
records.
"""

_CHECKS_INTRODUCTION = """\
## The sixteen checks of an authorization

Made when a form is published and a signature recorded, and again at each message. The regulation
has six core elements and three required statements; with its other demands they come to these.
Checks 12 and 16 are duties of the organization, and stop mail too.
"""
_PACKS_INTRODUCTION = """\
## Stricter states

An organization turns these on. They hold for people who live there, and for people whose state is
not known. They only ever tighten: a property test compares each with the table alone.
"""
_LIMITS = """\
## What it does not decide

- Whether an answer is true. The campaign's author answers, a second person approves, and both names
  stay with every message.
- Whether a text promotes something. “General health” that names a product is marketing: the
  approver reads the message.
- Anything but email. Telephone and paper have rules of their own.
"""
REQUIREMENTS = {
    Requirement.PROHIBITED: (
        "Never sent",
        "No signature and no ruling makes such a message go.",
    ),
    Requirement.PRIVACY_OFFICER: (
        "Held for a person",
        """\
The message waits. Where a question is open, it must be answered. In the other rows the privacy
officer rules, with a reason that is kept: it may go on to the rows below, it may go to people with
an authorization only, or it is refused.""",
    ),
    Requirement.PART2_CONSENT: (
        "Needs a consent under 42 CFR Part 2",
        """\
Sent to people with a live consent of this kind alone. The notice of 42 CFR 2.32 stands in the
message.""",
    ),
    Requirement.AUTHORIZATION: (
        "Needs a signed authorization",
        """\
Sent to people alone who signed an authorization that passes all sixteen checks below at the moment
of sending.""",
    ),
    Requirement.NOTHING: (
        "Needs no authorization",
        "Sent unless the person does not want it.",
    ),
}
_OPT_OUTS = {
    OptOut.REQUIRED: "required",
    OptOut.OFFERED: "offered",
    OptOut.NONE: "not required",
}
_RELATIONSHIPS = {
    frozenset({Relationship.PATIENT, Relationship.MEMBER}): "patients",
    frozenset({Relationship.PROSPECT, Relationship.PROFESSIONAL}): "outsiders",
}
_GIVEN = {
    Remuneration.UNKNOWN: "nobody said whether anybody pays",
}
_ANSWERS = {
    "gives_away": {
        Answer.YES: "somebody else gets the list, or what readers do, for anything of value",
        Answer.UNKNOWN: "nobody said whether somebody else gets information",
    },
    "features": {
        Answer.YES: "it shows or quotes a patient",
        Answer.UNKNOWN: "nobody said whether it shows or quotes a patient",
    },
    "for_others": {
        Answer.YES: "the gifts are for somebody else",
        Answer.UNKNOWN: "nobody said whom the gifts are for",
    },
}

CHECKS = (
    ("1", "The information is described in kinds, and the message uses those alone", "(c)(1)(i)"),
    ("2", "Who may use it is named", "(c)(1)(ii)"),
    ("3", "Who receives it is named", "(c)(1)(iii)"),
    ("4", "The purpose of the message is one of those described", "(c)(1)(iv)"),
    ("5", "It ends, by a date or an event; “none” is refused", "(c)(1)(v)"),
    ("6", "It is signed and dated, not in the future", "(c)(1)(vi)"),
    ("7", "A representative's authority is described", "(c)(1)(vi); 164.502(g)"),
    ("8", "It says how to revoke, and the exceptions", "(c)(2)(i)"),
    ("9", "It says that nothing is conditioned on it", "(c)(2)(ii)"),
    ("10", "It says that information may be passed on and lose protection", "(c)(2)(iii)"),
    ("11", "It mentions payment, or a sale, where there is one", "(a)(3)(ii), (a)(4)(ii)"),
    ("12", "It is in plain language", "(c)(3)"),
    ("13", "It stands alone", "(b)(3)"),
    ("14", "Nobody has to sign to go on", "(b)(4)"),
    ("15", "It is live and true now: not expired, revoked, altered or disputed", "(b)(2)"),
    ("16", "The signer was given a copy", "(c)(4)"),
)
"""What an authorization must pass, in words, with the paragraph of 45 CFR 164.508."""


ANCHORS = {
    "1": ("information_not_covered", "no_part2_consent"),
    "4": ("purpose_not_covered",),
    "6": ("signed_in_future", "type_too_small", "no_authorization", "prescription_ended"),
    "7": ("no_authority",),
    "11": ("lacks_remuneration_statement", "lacks_sale_statement"),
    "15": ("expired", "revoked", "disputed", "not_intact", "form_defective", "expired_by_state"),
    "16": ("copy_not_given",),
}
"""The codes of reasons that each check gives, so that reports can link to it."""


def markdown() -> str:
    """The whole page."""
    return "\n".join((_INTRODUCTION, *_table(), *_meanings(), *_checks(), *_packs(), _LIMITS))


def _table() -> Iterator[str]:
    yield "## The table\n"
    for requirement in sorted(REQUIREMENTS, reverse=True):
        title, meaning = REQUIREMENTS[requirement]
        yield f"### {title}\n"
        yield f"{meaning}\n"
        yield "| row | if | because | law | way to stop |"
        yield "| --- | --- | --- | --- | --- |"
        for number, rule in enumerate(TABLE, 1):
            if rule.requirement is requirement:
                yield _row(number, rule)
        yield ""


def _row(number: int, rule: Rule) -> str:
    when = "; ".join(conditions(rule.when)) or "nothing above fits"
    stop = _OPT_OUTS[rule.opt_out]
    return f"| {number} | {when} | {rule.sentence} | {rule.citation} | {stop} |"


def conditions(when: When) -> Iterator[str]:
    """What a row is about, in words."""
    if when.relationships is not None:
        yield f"for {_RELATIONSHIPS[when.relationships]}"
    if when.purposes is not None:
        yield f"the purpose is {_purposes(when.purposes)}"
    if when.uses is not None:
        yield f"it uses information on {_listed(each.label for each in sorted(when.uses))}"
    if when.uses_more_than is not None:
        kinds = (each.label for each in sorted(when.uses_more_than))
        yield f"it uses more than {'; '.join(kinds)}"
    yield from _circumstances(when)


def _circumstances(when: When) -> Iterator[str]:
    if when.remuneration is not None:
        yield _listed(_GIVEN[each] for each in when.remuneration)
    if when.paid is not None:
        yield "it is paid" if when.paid else "nobody pays"
    if when.sponsor_missing:
        yield "somebody pays or gives, and is not named"
    for name, words in _ANSWERS.items():
        if answer := getattr(when, name):
            yield words[answer]
    if when.notice_given is not None:
        yield "the notice of privacy practices does not mention it"
    if when.prescription is not None:
        yield "the prescription ended more than 90 days ago, or nobody knows"


def _purposes(purposes: Collection[Purpose]) -> str:
    missing = set(Purpose) - set(purposes)
    if len(missing) < len(purposes):
        return f"any but {_listed(map(_name, sorted(missing)))}"
    return _listed(map(_name, sorted(purposes)))


def _name(purpose: Purpose) -> str:
    return f"*{purpose.value.replace('_', ' ')}*"


def _meanings() -> Iterator[str]:
    yield "## The purposes\n"
    yield "| purpose | as a form names it to the person who signs |"
    yield "| --- | --- |"
    for purpose in Purpose:
        yield f"| {_name(purpose)} | {purpose.label} |"
    yield ""


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _checks() -> Iterator[str]:
    yield _CHECKS_INTRODUCTION
    yield "| check | what it asks | 45 CFR 164.508 |"
    yield "| --- | --- | --- |"
    for number, words, citation in CHECKS:
        yield f"| {number} | {words} | {citation} |"
    yield ""


def _packs() -> Iterator[str]:
    yield _PACKS_INTRODUCTION
    for pack in PACKS.values():
        yield f"**{pack.jurisdiction}: {pack.title}** ({pack.citation}), `{pack.name}`\n"
        yield from (f"- {point}" for point in pack.points)
        for code in sorted(pack.asks_for):
            yield f"- An authorization is needed after all where row {_number(code)} fits."
        yield ""


def _number(code: str) -> int:
    return TABLE.index(RULES[code]) + 1


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
