"""Hidden is hidden: no small cell can be worked out from what a breakdown shows."""

from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules import counts
from contacts.rules.counts import Breakdown, hide_small, hide_small_cells

tables = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), min_size=1)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (1, "10 or fewer"), (10, "10 or fewer"), (11, "11"), (1234, "1,234")],
)
def test_a_count_alone(number: int, text: str) -> None:
    count = hide_small(number)
    assert count.text == text
    assert count.hidden is (1 <= number <= 10)


def test_one_small_cell_takes_the_smallest_other_with_it() -> None:
    breakdown = hide_small_cells({"sent": 4000, "held": 3, "portal": 300, "stopped": 0})
    assert {key: count.text for key, count in breakdown.cells.items()} == {
        "sent": "4,000",
        "held": "hidden",
        "portal": "hidden",
        "stopped": "0",
    }
    assert breakdown.total.text == "4,303"


def test_several_small_cells_protect_each_other() -> None:
    breakdown = hide_small_cells({"a": 3, "b": 4, "c": 50})
    assert [count.hidden for count in breakdown.cells.values()] == [True, True, False]


def test_small_cells_that_the_total_would_give_away_do_not() -> None:
    # 1 and 1 are the only two small cells that add up to 2, and 10 and 10 to 20.
    assert hide_small_cells({"a": 1, "b": 1, "c": 50}).cells["c"].hidden
    assert hide_small_cells({"a": 10, "b": 10}).total.hidden
    assert hide_small_cells({"a": 5, "b": 0}).total.hidden


@given(tables)
def test_small_is_never_shown_and_shown_is_never_wrong(cells: dict[str, int]) -> None:
    breakdown = hide_small_cells(cells)
    for key, number in cells.items():
        count = breakdown.cells[key]
        assert count.hidden or (count.value == number and not 1 <= number <= 10)
        assert number > 0 or not count.hidden
    assert breakdown.total.hidden or breakdown.total.value == sum(cells.values())


@given(tables)
def test_no_hidden_cell_follows_from_the_others_and_the_total(cells: dict[str, int]) -> None:
    """Someone who subtracts is left with at least two hidden cells and a sum not at its edge."""
    breakdown = hide_small_cells(cells)
    hidden = [key for key, count in breakdown.cells.items() if count.hidden]
    if not hidden or breakdown.total.value is None:
        return
    remainder = breakdown.total.value - sum(each.value or 0 for each in breakdown.cells.values())
    assert len(hidden) >= 2
    assert len(hidden) < remainder
    assert remainder != 10 * len(hidden) or any(cells[key] > 10 for key in hidden)


@pytest.mark.parametrize(("small", "most", "size"), [(2, 9, 3), (3, 12, 3), (2, 6, 4)])
def test_not_even_knowing_the_method_gives_a_cell_away(
    small: int, most: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all tables that are published alike, each hidden cell has at least two values."""
    monkeypatch.setattr(counts, "SMALL", small)
    alike: dict[tuple[str, ...], list[tuple[int, ...]]] = defaultdict(list)
    for numbers in product(range(most + 1), repeat=size):
        published = hide_small_cells(dict(zip("abcdef", numbers, strict=False)))
        alike[_texts(published)].append(numbers)
    for texts, candidates in alike.items():
        for cell in range(size):
            if texts[cell] == "hidden":
                assert len({numbers[cell] for numbers in candidates}) > 1


def _texts(breakdown: Breakdown) -> tuple[str, ...]:
    return (*(count.text for count in breakdown.cells.values()), breakdown.total.text)
