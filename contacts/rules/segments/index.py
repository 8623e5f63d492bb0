"""From a segment to a question that the blind index can answer.

The index knows equality only, so the question is wider than the segment: whoever matches the
segment satisfies the question, and candidates are then opened and decided exactly.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import TypeAlias

from contacts.rules.fields import Field, normalize
from contacts.rules.segments.tree import (
    All,
    Any,
    FieldCondition,
    Node,
    Operator,
    Segment,
)

MAX_CLAUSES = 32
MAX_CLAUSE_TOKENS = 2_000

Token: TypeAlias = Callable[[str, str], int]
"""The blind index token of a field key and a canonical string."""

_Clauses: TypeAlias = list[frozenset[int]]


def candidate_clauses(
    segment: Segment, fields: Mapping[str, Field], token: Token
) -> list[list[int]]:
    """Clauses of which a candidate's tokens meet every one, by at least one token each.

    A condition that the index cannot answer counts as true, so no clauses means everybody. At
    most MAX_CLAUSES, the narrowest first, each sorted: the same segment gives the same query.
    """
    clauses = set(_clauses(segment.where, fields, token))
    return sorted((sorted(clause) for clause in clauses), key=_narrowest_first)[:MAX_CLAUSES]


def _narrowest_first(clause: list[int]) -> tuple[int, list[int]]:
    return len(clause), clause


def _clauses(node: Node, fields: Mapping[str, Field], token: Token) -> _Clauses:
    match node:
        case All():
            return [clause for member in node.of for clause in _clauses(member, fields, token)]
        case Any():
            return _either([_clauses(member, fields, token) for member in node.of])
        case FieldCondition(operator=Operator.IS | Operator.ONE_OF):
            return _equality(node, fields, token)
        case _:
            return []


def _equality(condition: FieldCondition, fields: Mapping[str, Field], token: Token) -> _Clauses:
    field = fields.get(condition.field)
    if field is None or not field.searchable:
        return []
    normals = {normal for value in condition.values for normal in normalize(value)}
    return [frozenset(token(field.key, normal) for normal in normals)]


def _either(members: list[_Clauses]) -> _Clauses:
    """The clauses of an "or": one from each member, joined, in every combination.

    Leaving a clause out only widens the question. So where there would be too many combinations,
    each member keeps its narrowest clause.
    """
    if prod(len(member) for member in members) > MAX_CLAUSES:
        members = [[min(member, key=len)] for member in members]
    combined: _Clauses = [frozenset()]
    for member in members:
        combined = [left | right for left in combined for right in member]
    return [clause for clause in combined if len(clause) <= MAX_CLAUSE_TOKENS]
