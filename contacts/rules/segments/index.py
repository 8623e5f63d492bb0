"""From a segment to two questions that the blind index can answer.

Whoever the certain question finds is in the segment; whoever the possible one does not find is not.
Those between are opened and decided exactly. Conditions on equal values have no between, ranges
have the buckets at their ends, and what the index does not know is all between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from contacts.rules.fields import Field, FieldType
from contacts.rules.indexing import (
    ELSEWHERE,
    Entry,
    Range,
    date_range,
    entries_of,
    number_range,
    prefix_entries,
)
from contacts.rules.segments import windows
from contacts.rules.segments.tree import (
    All,
    Any,
    FieldCondition,
    Node,
    NoneOf,
    Operator,
    Segment,
    spellings,
)

Tokens: TypeAlias = Callable[[str, str], Collection[int]]
"""The blind index tokens of an entry: several while the index key changes."""

Question: TypeAlias = "bool | HasOneOf | Both | Either | Not"


@dataclass(frozen=True, slots=True)
class HasOneOf:
    """True of a contact with at least one of the tokens."""

    tokens: frozenset[int]


@dataclass(frozen=True, slots=True)
class Both:
    """True when every member is."""

    of: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """True when at least one member is."""

    of: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when the other is not."""

    of: Question


@dataclass(frozen=True, slots=True)
class Bounds:
    """The segment lies between `certain` and `possible`.

    `edge` finds everybody between the two by their own tokens, such as the month in which a range
    ends, and perhaps others: few, where the two have many in common.
    """

    certain: Question
    possible: Question
    edge: Question

    @property
    def exact(self) -> bool:
        """Whether nobody has to be opened."""
        return self.certain == self.possible

    @property
    def between(self) -> Question:
        """Who has to be opened."""
        return both((self.possible, self.edge, negation(self.certain)))


def bounds(segment: Segment, fields: Mapping[str, Field], tokens: Tokens, today: date) -> Bounds:
    """Ask the index about a segment. `fields` that are not searchable it does not know."""
    return _bounds(segment.where, fields, tokens, today)


def both(members: Collection[Question]) -> Question:
    """The conjunction, without members that say nothing."""
    if False in members:
        return False
    rest = tuple(dict.fromkeys(each for each in members if each is not True))
    return Both(rest) if len(rest) > 1 else rest[0] if rest else True


def either(members: Collection[Question]) -> Question:
    """The disjunction, with the tokens of several members as one."""
    if True in members:
        return True
    plain = [each for each in members if isinstance(each, HasOneOf)]
    rest: list[Question] = [
        each for each in members if each is not False and not isinstance(each, HasOneOf)
    ]
    if plain:
        rest.insert(0, HasOneOf(frozenset().union(*(each.tokens for each in plain))))
    rest = list(dict.fromkeys(rest))
    return Either(tuple(rest)) if len(rest) > 1 else rest[0] if rest else False


def negation(question: Question) -> Question:
    """The opposite."""
    if isinstance(question, bool):
        return not question
    return question.of if isinstance(question, Not) else Not(question)


def to_json(question: Question) -> object:
    """For the SQL functions `contacts_count` and `contacts_ids`. Tokens are text: not every JSON
    reader keeps 64 bits."""
    match question:
        case bool():
            return question
        case HasOneOf(tokens):
            return {"tokens": _as_text(tokens)}
        case Both(members):
            return _conjunction(members)
        case Either(members):
            return {"or": [to_json(member) for member in members]}
        case Not(member):
            return {"not": to_json(member)}


def _conjunction(members: Collection[Question]) -> object:
    """Tokens that somebody must all have are asked for together."""
    alone = [each for each in members if isinstance(each, HasOneOf) and len(each.tokens) == 1]
    needed = {"all": _as_text(frozenset().union(*(each.tokens for each in alone)))}
    rest = [to_json(each) for each in members if each not in alone]
    if not alone:
        return {"and": rest}
    return {"and": [needed, *rest]} if rest else needed


def _as_text(tokens: frozenset[int]) -> list[str]:
    return [str(token) for token in sorted(tokens)]


_UNKNOWN = Bounds(certain=False, possible=True, edge=True)


def _bounds(node: Node, fields: Mapping[str, Field], tokens: Tokens, today: date) -> Bounds:
    match node:
        case All(of=members):
            found = [_bounds(member, fields, tokens, today) for member in members]
            return Bounds(
                both([each.certain for each in found]),
                both([each.possible for each in found]),
                either([each.edge for each in found]),
            )
        case Any(of=members):
            return _any([_bounds(member, fields, tokens, today) for member in members])
        case NoneOf(of=members):
            return _opposite(_any([_bounds(member, fields, tokens, today) for member in members]))
        case FieldCondition():
            return _condition(node, fields.get(node.field), tokens, today)
        case _:
            return _UNKNOWN


def _any(found: list[Bounds]) -> Bounds:
    return Bounds(
        either([each.certain for each in found]),
        either([each.possible for each in found]),
        either([each.edge for each in found]),
    )


def _opposite(found: Bounds) -> Bounds:
    return Bounds(negation(found.possible), negation(found.certain), found.edge)


_NEGATED = {
    Operator.IS_NOT: Operator.IS,
    Operator.NONE_OF: Operator.ONE_OF,
    Operator.NOT_IN_LAST: Operator.IN_LAST,
}


def _condition(
    condition: FieldCondition, field: Field | None, tokens: Tokens, today: date
) -> Bounds:
    if field is None or not field.searchable or field.key in ELSEWHERE:
        return _UNKNOWN
    if plain := _NEGATED.get(condition.operator):
        same = condition.model_copy(update={"operator": plain})
        return _opposite(_condition(same, field, tokens, today))
    ranges = _ranges(condition, field, today)
    if ranges is None:
        return _UNKNOWN
    certain = frozenset(entry for each in ranges for entry in each.certain)
    possible = frozenset(entry for each in ranges for entry in each.possible)
    return Bounds(_has(certain, tokens), _has(possible, tokens), _has(possible - certain, tokens))


def _has(entries: frozenset[Entry], tokens: Tokens) -> Question:
    found = frozenset(token for entry in entries for token in tokens(*entry))
    return HasOneOf(found) if found else False


def _ranges(condition: FieldCondition, field: Field, today: date) -> list[Range] | None:
    """What the index knows of a condition, to be joined; None if nothing."""
    match condition.operator:
        case Operator.IS | Operator.ONE_OF:
            return [_equal(field, value) for value in spellings(condition)]
        case Operator.STARTS_WITH:
            found = [prefix_entries(field.key, str(value)) for value in condition.values]
            return None if None in found else [each for each in found if each]
        case operator if field.type is FieldType.DATE and operator in windows.WINDOWS:
            return [date_range(field.key, *windows.window(condition, today))]
        case operator if field.type is FieldType.NUMBER and operator in _OF_NUMBERS:
            low, _, high, _ = windows.number_range(condition)
            return [number_range(field.key, low, high)]
        case _:
            return None


_OF_NUMBERS = frozenset(
    {Operator.ABOVE, Operator.BELOW, Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN}
)


def _equal(field: Field, value: str | int | float | bool) -> Range:
    if field.type is FieldType.DATE:
        return date_range(field.key, str(value), str(value))
    if field.type is FieldType.NUMBER:
        number = float(value)
        return number_range(field.key, number, number)
    # Without what the entry of a value adds for its neighbours, such as a ZIP code's area.
    entries = frozenset(each for each in entries_of(field, value) if each[0] == field.key)
    return Range(entries, entries)
