"""A compiled segment decides as its definitions say, on any tree, person and day."""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.dates import age_in_years
from contacts.rules.fields import Value, normalize
from contacts.rules.segments import (
    ConsentCondition,
    EngagementCondition,
    FieldCondition,
    Node,
    Operator,
    Segment,
    compile_segment,
    window,
)

UNITS = ["days", "weeks", "months", "years"]
ONE_DAY = timedelta(1)
days = st.dates(date(1999, 1, 1), date(2050, 12, 31)) | st.sampled_from(
    [date(2023, 2, 28), date(2023, 3, 1), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
)
births = st.dates(date(1930, 1, 1), date(2050, 12, 31)) | st.sampled_from(
    [date(1960, 2, 28), date(1960, 2, 29), date(1960, 3, 1), date(1961, 2, 28), date(1961, 3, 1)]
)


def moved(day: date, number: int, unit: str) -> date:
    """One unit after the other, then the day of the month again or the month's last."""
    if unit in ("days", "weeks"):
        return day + number * timedelta(**{unit: 1})
    months = abs(number) * (12 if unit == "years" else 1)
    found = day.replace(day=1)
    for _ in range(months):
        found = (found - ONE_DAY if number < 0 else found + timedelta(31)).replace(day=1)
    last = (found + timedelta(31)).replace(day=1) - ONE_DAY
    return found.replace(day=min(day.day, last.day))


def has_birthday(born: date, first: date, last: date, age: int | None = None) -> bool:
    """Whether an age, or the given one, is reached between two days, both included."""
    through = [first - ONE_DAY + timedelta(n) for n in range((last - first).days + 2)]
    ages = [age_in_years(born, day) for day in through]
    return any(after > before and age in (None, after) for before, after in pairwise(ages))


def date_holds(operator: Operator, values: tuple[Any, ...], day: date, today: date) -> bool:
    age = age_in_years(day, today)
    match operator, values:
        case Operator.IN_LAST, (number, unit):
            return moved(today, -number, unit) <= day <= today
        case Operator.MORE_THAN_AGO, (number, unit):
            return day < moved(today, -number, unit)
        case Operator.IN_NEXT, (number, unit):
            return today <= day <= moved(today, number, unit)
        case Operator.BIRTHDAY_IN_NEXT, (number, unit):
            return has_birthday(day, today, moved(today, number, unit))
        case Operator.TURNS, (wanted, within):
            return has_birthday(day, today, today + timedelta(within), wanted)
        case Operator.AGE_AT_LEAST, (limit,):
            return age >= limit
        case Operator.AGE_AT_MOST, (limit,):
            return age <= limit
        case Operator.AGE_BETWEEN, (low, high):
            return low <= age <= high
    raise AssertionError(operator)


def compared(operator: Operator, values: tuple[Any, ...], value: Any) -> bool:
    low, high = values[0], values[-1]
    return {
        Operator.BEFORE: value < low,
        Operator.BELOW: value < low,
        Operator.AFTER: value > low,
        Operator.ABOVE: value > low,
        Operator.AT_LEAST: value >= low,
        Operator.AT_MOST: value <= low,
        Operator.BETWEEN: low <= value <= high,
    }[operator]


RELATIVE = {
    Operator.IN_LAST,
    Operator.MORE_THAN_AGO,
    Operator.IN_NEXT,
    Operator.BIRTHDAY_IN_NEXT,
    Operator.TURNS,
    Operator.AGE_AT_LEAST,
    Operator.AGE_AT_MOST,
    Operator.AGE_BETWEEN,
}


def field_holds(condition: FieldCondition, value: Value, today: date) -> bool:
    held = set(normalize(value))
    wanted = {normal for each in condition.values for normal in normalize(each)}
    match condition.operator:
        case Operator.PRESENT:
            return bool(held)
        case Operator.ABSENT:
            return not held
        case Operator.IS | Operator.ONE_OF:
            return bool(held & wanted)
        case Operator.IS_NOT | Operator.NONE_OF:
            return not held & wanted
        case Operator.STARTS_WITH:
            return any(text.startswith(start) for text in held for start in wanted)
        case Operator.NOT_IN_LAST:
            inside = condition.model_copy(update={"operator": Operator.IN_LAST})
            return value is None or not field_holds(inside, value, today)
        case _ if value is None:
            return False
        case operator if operator in RELATIVE:
            return date_holds(operator, condition.values, date.fromisoformat(str(value)), today)
        case operator:
            return compared(operator, condition.values, value)


def holds(node: Node, profile: Mapping[str, Value], facts: Mapping[Any, bool], today: date) -> bool:
    """What a tree means, in the plainest way."""
    if isinstance(node, FieldCondition):
        return field_holds(node, profile.get(node.field), today)
    if isinstance(node, ConsentCondition):
        return facts.get(node.fact, False) == (node.state == "has")
    if isinstance(node, EngagementCondition):
        return facts.get(node.fact, False) == (node.state == "did")
    members = [holds(member, profile, facts, today) for member in node.of]
    return {"all": all(members), "any": any(members), "none": not any(members)}[node.kind]


iso = days.map(date.isoformat)
spans = st.tuples(st.integers(1, 30), st.sampled_from(UNITS))
ages = st.integers(0, 100)
held = {
    "birth_date": births.map(date.isoformat),
    "visit": iso,
    "score": st.integers(0, 5) | st.sampled_from([0.5, 2.0, 2.5]),
    "state": st.sampled_from(["CA", "ca", "OR", "Straße", "STRASSE"]),
    "conditions": st.lists(st.sampled_from(["asthma", "copd", "cancer"]), max_size=3),
    "deceased": st.booleans(),
}
several = st.lists(st.sampled_from(["ca", "OR", "strasse", "asthma", "cancer"]), min_size=1)
asked: dict[Operator, tuple[list[str], st.SearchStrategy[Any]]] = {
    Operator.PRESENT: (list(held), st.just(())),
    Operator.ABSENT: (list(held), st.just(())),
    Operator.ONE_OF: (["state", "conditions"], several),
    Operator.NONE_OF: (["state", "conditions"], several),
    Operator.STARTS_WITH: (["state"], st.lists(st.sampled_from(["st", "ca", "S"]), min_size=1)),
    Operator.IN_LAST: (["visit"], spans),
    Operator.NOT_IN_LAST: (["visit"], spans),
    Operator.MORE_THAN_AGO: (["visit"], spans),
    Operator.IN_NEXT: (["visit"], spans),
    Operator.BIRTHDAY_IN_NEXT: (["birth_date"], spans),
    Operator.TURNS: (["birth_date"], st.tuples(ages, st.integers(0, 400))),
    Operator.AGE_AT_LEAST: (["birth_date"], st.tuples(ages)),
    Operator.AGE_AT_MOST: (["birth_date"], st.tuples(ages)),
    Operator.AGE_BETWEEN: (["birth_date"], st.tuples(ages, ages).map(sorted)),
    Operator.BEFORE: (["visit"], st.tuples(iso)),
    Operator.AFTER: (["visit"], st.tuples(iso)),
    Operator.ABOVE: (["score"], st.tuples(held["score"])),
    Operator.BELOW: (["score"], st.tuples(held["score"])),
}
for either in (Operator.IS, Operator.IS_NOT):
    asked[either] = (["score", "deceased"], st.tuples(held["score"] | held["deceased"]))


@st.composite
def field_conditions(draw: st.DrawFn) -> Node:
    operator = draw(st.sampled_from(list(Operator)))
    if operator in asked:
        keys, values = asked[operator]
        return FieldCondition(
            field=draw(st.sampled_from(keys)), operator=operator, values=tuple(draw(values))
        )
    key = draw(st.sampled_from(["visit", "score"]))
    count = 2 if operator is Operator.BETWEEN else 1
    values = sorted(draw(held[key]) for _ in range(count))
    return FieldCondition(field=key, operator=operator, values=tuple(values))


facts_asked = st.sampled_from(
    [
        ConsentCondition(purpose="marketing", state="has"),
        ConsentCondition(purpose="marketing", state="lacks"),
        EngagementCondition(event="opened", state="did", scope={"last": 3}),
        EngagementCondition(event="opened", state="did_not", scope={"last": 3}),
    ]
)


def groups(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Any]:
    members = st.lists(inner, min_size=1, max_size=4)
    return st.builds(
        lambda kind, of: Segment.model_validate({"where": {"kind": kind, "of": of}}).where,
        st.sampled_from(["all", "any", "none"]),
        members,
    )


leaves = field_conditions() | facts_asked
trees = groups(leaves | groups(leaves | groups(leaves)))
people = st.fixed_dictionaries({}, optional=held)
known = st.dictionaries(
    st.sampled_from([("consent", "marketing"), ("engagement", "opened:last:3")]), st.booleans()
)


@given(trees, st.lists(st.tuples(people, known), min_size=1, max_size=4), days)
def test_a_compiled_tree_decides_as_a_plain_reading(
    where: Any, persons: list[tuple[dict[str, Value], Any]], today: date
) -> None:
    decide = compile_segment(Segment(where=where), today)
    for profile, facts in persons:
        assert decide(profile, facts) is holds(where, profile, facts, today)


@given(field_conditions(), births, days)
def test_one_condition_decides_as_a_plain_reading(node: Node, day: date, today: date) -> None:
    assert isinstance(node, FieldCondition)
    value: Value = day.isoformat() if node.field in ("birth_date", "visit") else None
    decide = compile_segment(
        Segment.model_validate({"where": {"kind": "all", "of": [node]}}), today
    )
    assert decide({node.field: value}, {}) is field_holds(node, value, today)


def test_months_end_where_the_month_ends() -> None:
    lately = FieldCondition(field="visit", operator=Operator.IN_LAST, values=(3, "months"))
    assert window(lately, date(2025, 5, 31)) == ("2025-02-28", "2025-05-31")
    assert window(lately, date(2024, 5, 31)) == ("2024-02-29", "2024-05-31")
    soon = FieldCondition(field="visit", operator=Operator.IN_NEXT, values=(1, "years"))
    assert window(soon, date(2024, 2, 29)) == ("2024-02-29", "2025-02-28")
