"""Segments: who a message is for, as a tree of conditions.

`tree` says what a segment is and reads it; `matching` decides exactly about one person; `index`
narrows down candidates by the blind index; `wording` tells people what a segment says; `palette` is
what a segment can be built from.
"""

from contacts.rules.segments.index import candidate_clauses
from contacts.rules.segments.matching import Facts, matches
from contacts.rules.segments.palette import Comparison, Subject, palette
from contacts.rules.segments.tree import (
    All,
    Any,
    ConsentCondition,
    FactKey,
    FieldCondition,
    Node,
    Operator,
    Segment,
    SegmentProblem,
    Vocabulary,
    conditions,
    facts_used,
    fields_used,
    parse,
    to_json,
)
from contacts.rules.segments.wording import HealthInformation, in_words, is_health_information

__all__ = [
    "All",
    "Any",
    "Comparison",
    "ConsentCondition",
    "FactKey",
    "Facts",
    "FieldCondition",
    "HealthInformation",
    "Node",
    "Operator",
    "Segment",
    "SegmentProblem",
    "Subject",
    "Vocabulary",
    "candidate_clauses",
    "conditions",
    "facts_used",
    "fields_used",
    "in_words",
    "is_health_information",
    "matches",
    "palette",
    "parse",
    "to_json",
]
