"""What a segment says, in words, and whether being in it is health information."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from contacts.rules.fields import Field, FieldClass, FieldGroup, FieldType, Relationship, Scalar
from contacts.rules.segments.tree import (
    All,
    Any,
    ConsentCondition,
    FieldCondition,
    Node,
    Operator,
    Segment,
    Vocabulary,
    conditions,
)
from contacts.rules.starter import RELATIONSHIP

_OUTSIDERS = frozenset({Relationship.PROSPECT.value, Relationship.PROFESSIONAL.value})


@dataclass(frozen=True, slots=True)
class HealthInformation:
    """Whether membership of a segment tells something about health, and why."""

    answer: bool
    reason: str


def in_words(segment: Segment, vocabulary: Vocabulary) -> str:
    """One sentence, such as "People whose conditions include Asthma or COPD".

    It names diagnoses: show it to those who may see the segment, never in a log or a URL.
    """
    if not segment.where.of:
        return "Everybody"
    return f"People {_join(segment.where, vocabulary)}"


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
    if _outsiders_only(segment.where):
        return HealthInformation(False, "It holds only people who are not patients or members.")
    return HealthInformation(True, "Being a patient is itself health information.")


def _field_conditions(segment: Segment) -> list[FieldCondition]:
    return [each for each in conditions(segment) if isinstance(each, FieldCondition)]


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


def _join(group: All | Any, vocabulary: Vocabulary) -> str:
    word = " and " if isinstance(group, All) else " or "
    return word.join(_phrase(member, vocabulary) for member in group.of)


def _phrase(node: Node, vocabulary: Vocabulary) -> str:
    match node:
        case All() | Any():
            inner = _join(node, vocabulary)
            return f"({inner})" if len(node.of) > 1 else inner
        case ConsentCondition():
            have = "have a" if node.state == "has" else "do not have a"
            return f"who {have} live authorization for {vocabulary.purposes[node.purpose]}"
        case FieldCondition():
            return _field_phrase(node, vocabulary.fields[node.field])


_PHRASES: dict[Operator, str] = {
    Operator.IS: "whose {name} is {value}",
    Operator.IS_NOT: "whose {name} is not {value}",
    Operator.ONE_OF: "whose {name} is one of {value}",
    Operator.NONE_OF: "whose {name} is none of {value}",
    Operator.PRESENT: "whose {name} is known",
    Operator.ABSENT: "whose {name} is not known",
    Operator.BEFORE: "whose {name} is before {value}",
    Operator.AFTER: "whose {name} is after {value}",
    Operator.AT_LEAST: "whose {name} is {value} or more",
    Operator.AT_MOST: "whose {name} is {value} or less",
    Operator.AGE_AT_LEAST: "who are at least {value} years old",
    Operator.AGE_AT_MOST: "who are at most {value} years old",
}
_PHRASES_OF_CHOICES: dict[Operator, str] = {
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


def _field_phrase(condition: FieldCondition, field: Field) -> str:
    phrase = _PHRASES[condition.operator]
    if field.type is FieldType.CHOICES:
        phrase = _PHRASES_OF_CHOICES[condition.operator]
    elif field.type is FieldType.DATE:
        phrase = _PHRASES_OF_DATES.get(condition.operator, phrase)
    values = [_shown(field)(value) for value in condition.values]
    return phrase.format(name=_mid_sentence(field.label), value=_or(values))


def _shown(field: Field) -> Callable[[Scalar], str]:
    return _long_date if field.type is FieldType.DATE else field.label_of


def _long_date(value: Scalar) -> str:
    if not isinstance(value, str):  # an age
        return str(value)
    day = date.fromisoformat(value)
    return f"{day:%B} {day.day}, {day.year}"


def _or(values: list[str]) -> str:
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} or {values[-1]}"


def _mid_sentence(label: str) -> str:
    """The label in lower case, unless it begins with an abbreviation such as ZIP."""
    return label if label[1:2].isupper() else f"{label[:1].lower()}{label[1:]}"
