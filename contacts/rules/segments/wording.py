"""What a segment says, in words, and whether being in it is health information."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from contacts.rules.fields import Field, FieldClass, FieldGroup, FieldType, Relationship, Scalar
from contacts.rules.places import state_name
from contacts.rules.segments.tree import (
    AGES,
    SPANS,
    All,
    Any,
    ConsentCondition,
    EngagementCondition,
    FieldCondition,
    Group,
    LastDays,
    LastMessages,
    Node,
    NoneOf,
    OneCampaign,
    Operator,
    Segment,
    Vocabulary,
    conditions,
    names_states,
)
from contacts.rules.starter import RELATIONSHIP

_OUTSIDERS = frozenset({Relationship.PROSPECT.value, Relationship.PROFESSIONAL.value})
_SEVERAL_HELD = frozenset({FieldType.CHOICES, FieldType.CODES})


@dataclass(frozen=True, slots=True)
class HealthInformation:
    """Whether membership of a segment tells something about health, and why."""

    answer: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an outline. `depth` counts the groups around it."""

    depth: int
    text: str


def in_words(segment: Segment, vocabulary: Vocabulary) -> str:
    """One sentence, such as "People whose conditions include Asthma or COPD".

    It names diagnoses: show it to those who may see the segment, never in a log or a URL.
    """
    if not segment.where.of:
        return "Everybody"
    words = _Words(vocabulary, segment)
    if isinstance(segment.where, NoneOf):
        return f"Everybody except those {words.joined(segment.where)}"
    return f"People {words.joined(segment.where)}"


def outline(segment: Segment, vocabulary: Vocabulary) -> list[Line]:
    """The same in lines, for a tree that is too long for one sentence."""
    if not segment.where.of:
        return [Line(0, "Everybody")]
    return list(_Words(vocabulary, segment).lines(segment.where, 0))


def codes_used(segment: Segment, vocabulary: Vocabulary) -> list[str]:
    """The codes that the segment asks for, as "system|code"."""
    return [
        str(value)
        for each in _field_conditions(segment)
        if vocabulary.fields[each.field].type is FieldType.CODES
        for value in each.values
    ]


def is_health_information(segment: Segment, vocabulary: Vocabulary) -> HealthInformation:
    """Whether the list of those who match is itself health information.

    Being a patient is already health information (45 CFR 160.103), so the answer is no only for
    a segment that is limited to people outside the organization's records.
    """
    fields = [vocabulary.fields[each.field] for each in _field_conditions(segment)]
    for field in fields:
        if field.classification is FieldClass.PART2:
            reason = f"{field.label} is a substance use disorder record (42 CFR Part 2)."
            return HealthInformation(True, reason)
    for field in fields:
        if field.group is not FieldGroup.DEMOGRAPHIC:
            return HealthInformation(
                True, f"The field {field.label} tells something about health or care."
            )
    if any(_names_a_campaign(each) for each in conditions(segment)):
        return HealthInformation(True, "Who got a campaign can tell what the campaign was about.")
    if _outsiders_only(segment.where):
        return HealthInformation(False, "It holds only people who are not patients or members.")
    return HealthInformation(True, "Being a patient is itself health information.")


def _field_conditions(segment: Segment) -> list[FieldCondition]:
    return [each for each in conditions(segment) if isinstance(each, FieldCondition)]


def _names_a_campaign(node: Node) -> bool:
    return isinstance(node, EngagementCondition) and isinstance(node.scope, OneCampaign)


def _outsiders_only(node: Node) -> bool:
    match node:
        case All():
            return any(_outsiders_only(member) for member in node.of)
        case Any():
            return all(_outsiders_only(member) for member in node.of)
        case FieldCondition(field=field, operator=Operator.IS | Operator.ONE_OF):
            return field == RELATIONSHIP and _OUTSIDERS.issuperset(map(str, node.values))
        case _:
            return False


_HEADINGS = {
    "all": "All of these",
    "any": "At least one of these",
    "none": "None of these",
}
_PHRASES: dict[Operator, str] = {
    Operator.IS: "whose {name} is {value}",
    Operator.IS_NOT: "whose {name} is not {value}",
    Operator.ONE_OF: "whose {name} is {value}",
    Operator.NONE_OF: "whose {name} is not {value}",
    Operator.STARTS_WITH: "whose {name} starts with {value}",
    Operator.IN_LAST: "whose {name} was in the last {value}",
    Operator.NOT_IN_LAST: "whose {name} was not in the last {value} or is not known",
    Operator.MORE_THAN_AGO: "whose {name} was more than {value} ago",
    Operator.IN_NEXT: "whose {name} is in the next {value}",
    Operator.BEFORE: "whose {name} is before {value}",
    Operator.AFTER: "whose {name} is after {value}",
    Operator.ABOVE: "whose {name} is more than {value}",
    Operator.BELOW: "whose {name} is less than {value}",
    Operator.AT_LEAST: "whose {name} is {value} or more",
    Operator.AT_MOST: "whose {name} is {value} or less",
    Operator.BETWEEN: "whose {name} is between {value}",
    Operator.AGE_AT_LEAST: "who are at least {value} years old",
    Operator.AGE_AT_MOST: "who are at most {value} years old",
    Operator.AGE_BETWEEN: "who are between {value} years old",
    Operator.TURNS: "who turn {value}",
    Operator.BIRTHDAY_IN_NEXT: "who have a birthday in the next {value}",
    Operator.PRESENT: "whose {name} is known",
    Operator.ABSENT: "whose {name} is not known",
}
_PHRASES_OF_SEVERAL: dict[Operator, str] = {
    Operator.IS: "whose {name} include {value}",
    Operator.IS_NOT: "whose {name} do not include {value}",
    Operator.ONE_OF: "whose {name} include {value}",
    Operator.NONE_OF: "whose {name} do not include {value}",
    Operator.PRESENT: "whose {name} are known",
    Operator.ABSENT: "whose {name} are not known",
}
_PHRASES_OF_DATES: dict[Operator, str] = {
    Operator.AT_LEAST: "whose {name} is on or after {value}",
    Operator.AT_MOST: "whose {name} is on or before {value}",
}
_ENGAGEMENT: dict[tuple[str, str], tuple[str, str, str]] = {
    # With the last messages, in the last days, in a campaign.
    ("received", "did"): ("", "received a message in {days}", "received the campaign {name}"),
    ("received", "did_not"): (
        "",
        "received no message in {days}",
        "did not receive the campaign {name}",
    ),
    ("opened", "did"): (
        "opened {one_of_them}",
        "opened a message in {days}",
        "opened the campaign {name}",
    ),
    ("opened", "did_not"): (
        "did not open {any_of_them}",
        "opened no message in {days}",
        "did not open the campaign {name}",
    ),
    ("clicked", "did"): (
        "clicked a link in {one_of_them}",
        "clicked a link in {days}",
        "clicked a link in the campaign {name}",
    ),
    ("clicked", "did_not"): (
        "clicked no link in {any_of_them}",
        "clicked no link in {days}",
        "clicked no link in the campaign {name}",
    ),
}


class _Words:
    """Phrases of one segment's nodes. Each is a relative clause: "whose ..." or "who ..."."""

    def __init__(self, vocabulary: Vocabulary, segment: Segment) -> None:
        self.vocabulary = vocabulary
        codes = codes_used(segment, vocabulary)
        self.displays: Mapping[str, str] = vocabulary.displays(codes) if codes else {}

    def joined(self, group: Group) -> str:
        joint = ", and " if isinstance(group, All) else ", or "
        words = self._phrase(group.of[0])
        for member in group.of[1:]:
            if isinstance(group, All) and isinstance(member, NoneOf):
                words += f", but not those {self._inner(member)}"
            else:
                words += joint + self._phrase(member)
        return words

    def lines(self, node: Node, depth: int) -> Iterator[Line]:
        if isinstance(node, All | Any | NoneOf):
            yield Line(depth, f"{_HEADINGS[node.kind]}:")
            for member in node.of:
                yield from self.lines(member, depth + 1)
        else:
            clause = self._phrase(node).removeprefix("whose ").removeprefix("who ")
            yield Line(depth, clause[:1].upper() + clause[1:])

    def _phrase(self, node: Node) -> str:
        match node:
            case All() | Any():
                return self._inner(node)
            case NoneOf():
                return f"who are not among those {self._inner(node)}"
            case ConsentCondition():
                have = "have a" if node.wanted else "do not have a"
                label = self.vocabulary.purposes[node.purpose]
                return f"who {have} live authorization for {label}"
            case EngagementCondition():
                return f"who {self._engagement(node)}"
            case FieldCondition():
                return self._field(node, self.vocabulary.fields[node.field])

    def _inner(self, group: Group) -> str:
        return f"({self.joined(group)})" if len(group.of) > 1 else self.joined(group)

    def _engagement(self, condition: EngagementCondition) -> str:
        messages, days, campaign = _ENGAGEMENT[condition.event, condition.state]
        match condition.scope:
            case LastMessages(last=1):
                last = "the last message"
                return messages.format(one_of_them=last, any_of_them=last)
            case LastMessages(last=number):
                last = f"of the last {number} messages"
                return messages.format(
                    one_of_them=f"at least one {last}", any_of_them=f"any {last}"
                )
            case LastDays(days=number):
                return days.format(days=f"the last {_span(number, 'days')}")
            case OneCampaign(campaign=key):
                name = self.vocabulary.campaigns.get(key, "that was deleted")
                return campaign.format(name=f"“{name}”")

    def _field(self, condition: FieldCondition, field: Field) -> str:
        phrase = _PHRASES[condition.operator]
        if field.type in _SEVERAL_HELD:
            phrase = _PHRASES_OF_SEVERAL[condition.operator]
        elif field.type is FieldType.DATE:
            phrase = _PHRASES_OF_DATES.get(condition.operator, phrase)
        return phrase.format(name=_mid_sentence(field.label), value=self._value(condition, field))

    def _value(self, condition: FieldCondition, field: Field) -> str:
        values = condition.values
        if condition.operator is Operator.MORE_THAN_AGO:
            return _number_of(int(values[0]), str(values[1]))
        if condition.operator in SPANS:
            return _span(int(values[0]), str(values[1]))
        if condition.operator is Operator.TURNS:
            within = f"within {_number_of(int(values[1]), 'days')}" if values[1] else "today"
            return f"{values[0]} {within}"
        if condition.operator in AGES:
            return " and ".join(map(str, values))
        if names_states(field, condition.operator):
            return _or([state_name(str(value)) for value in values])
        shown = [self._shown(value, field) for value in values]
        return " and ".join(shown) if condition.operator is Operator.BETWEEN else _or(shown)

    def _shown(self, value: Scalar, field: Field) -> str:
        if field.type is FieldType.DATE:
            return _long_date(str(value))
        if field.type is FieldType.CODES:
            return self.displays.get(str(value)) or str(value).rpartition("|")[2]
        return field.label_of(value)


def _number_of(number: int, unit: str) -> str:
    return f"{number:,} {unit if number != 1 else unit.removesuffix('s')}"


def _span(number: int, unit: str) -> str:
    """After "the last" and "the next": "6 months", "month"."""
    return unit.removesuffix("s") if number == 1 else _number_of(number, unit)


def _long_date(value: str) -> str:
    day = date.fromisoformat(value)
    return f"{day:%B} {day.day}, {day.year}"


def _or(values: list[str]) -> str:
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} or {values[-1]}"


def _mid_sentence(label: str) -> str:
    """The label in lower case, unless it begins with an abbreviation such as ZIP or HbA1c."""
    first_word = label.partition(" ")[0]
    kept = any(letter.isupper() or letter.isdigit() for letter in first_word[1:])
    return label if kept else f"{label[:1].lower()}{label[1:]}"
