"""Segments: who a message is for, as a tree of conditions.

`tree` says what a segment is and reads it; `windows` says which dates and numbers a condition asks
for; `matching` decides exactly about one person; `index` narrows down candidates by the blind
index; `wording` tells people what a segment says; `palette` is what a segment can be built from,
and `examples` are segments to begin with.
"""

from contacts.rules.segments.examples import Example, examples
from contacts.rules.segments.index import Bounds, Question, bounds, negation
from contacts.rules.segments.matching import Facts, Matcher, compile_segment, matches
from contacts.rules.segments.palette import Comparison, Subject, palette
from contacts.rules.segments.tree import (
    All,
    Any,
    Condition,
    ConsentCondition,
    EngagementCondition,
    FactKey,
    FieldCondition,
    Group,
    LastDays,
    LastMessages,
    Node,
    NoneOf,
    OneCampaign,
    Operator,
    Segment,
    SegmentProblem,
    Vocabulary,
    conditions,
    facts_used,
    fields_used,
    operators_of,
    parse,
    to_json,
)
from contacts.rules.segments.windows import WINDOWS, Range, Window, birthdays, number_range, window
from contacts.rules.segments.wording import (
    HealthInformation,
    Line,
    codes_used,
    in_words,
    is_health_information,
    outline,
)

__all__ = [
    "WINDOWS",
    "All",
    "Any",
    "Bounds",
    "Comparison",
    "Condition",
    "ConsentCondition",
    "EngagementCondition",
    "Example",
    "FactKey",
    "Facts",
    "FieldCondition",
    "Group",
    "HealthInformation",
    "LastDays",
    "LastMessages",
    "Line",
    "Matcher",
    "Node",
    "NoneOf",
    "OneCampaign",
    "Operator",
    "Question",
    "Range",
    "Segment",
    "SegmentProblem",
    "Subject",
    "Vocabulary",
    "Window",
    "birthdays",
    "bounds",
    "codes_used",
    "compile_segment",
    "conditions",
    "examples",
    "facts_used",
    "fields_used",
    "in_words",
    "is_health_information",
    "matches",
    "negation",
    "number_range",
    "operators_of",
    "outline",
    "palette",
    "parse",
    "to_json",
    "window",
]
