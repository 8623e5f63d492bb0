"""Counts that do not single people out: 1 to 10 is hidden, and so is what would give it away.

The threshold is the cell-size policy of the Centers for Medicare & Medicaid Services: no cell of
1 to 10, and none that other cells or a total reveal. Zero may be shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SMALL = 10


@dataclass(frozen=True, slots=True)
class Count:
    """A number to show; `value` is None when it is hidden."""

    value: int | None
    text: str

    @property
    def hidden(self) -> bool:
        return self.value is None


NOT_TODAY = Count(None, "Not shown today")
"""Where any number could tell something about one person."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Cells that add up to a total, as far as both may be shown."""

    cells: dict[str, Count]
    total: Count


def hide_small(number: int) -> Count:
    """A count that stands alone."""
    if 1 <= number <= SMALL:
        return Count(None, f"{SMALL} or fewer")
    return Count(number, f"{number:,}")


def hide_few(number: int) -> Count:
    """A count that anybody may ask for about a group of their own making.

    Here 0 is hidden like 1 to 10: else a segment that describes one known person would answer
    whether that person has a diagnosis.
    """
    return Count(None, f"{SMALL} or fewer") if number <= SMALL else hide_small(number)


def part_in_words(part: int, whole: int) -> str:
    """How many of a group that somebody made up are of a kind, as "120 of them".

    Neither they nor the others may be few and counted. None of the others is told like a few: else
    a group around one known person would answer of which kind that person is.
    """
    if part > SMALL and whole - part <= SMALL:
        return f"All of them, or all but {SMALL} or fewer,"
    return f"{hide_few(part).text} of them"


def hide_small_cells(cells: Mapping[str, int]) -> Breakdown:
    """A breakdown in which no hidden cell can be worked out from the others and the total.

    Hides cells of 1 to 10, then the smallest larger ones until the total no longer betrays any,
    and where there is none left, the total. Hidden cells all read alike, so that nobody sees
    which of them are small.
    """
    total = sum(cells.values())
    hidden = {key for key, number in cells.items() if 1 <= number <= SMALL}
    larger = sorted((number, key) for key, number in cells.items() if number > SMALL)
    while hidden and larger and _betrayed(cells, hidden, bound=larger[0][0]):
        hidden.add(larger.pop(0)[1])
    show_total = not (hidden and _betrayed(cells, hidden, bound=total + 1))
    return Breakdown(
        {key: _cell(number, hidden=key in hidden) for key, number in cells.items()},
        hide_small(total) if show_total else Count(None, "hidden"),
    )


def _cell(number: int, *, hidden: bool) -> Count:
    return Count(None, "hidden") if hidden else hide_small(number)


def _betrayed(cells: Mapping[str, int], hidden: Iterable[str], bound: int) -> bool:
    """Whether the sum of the hidden cells leaves a small one a single possible value.

    The reader is taken to know which hidden cells are small (1 to 10), and that the others are
    below `bound`, the smallest cell that is shown. A tie with that one would tell its exact value.
    """
    numbers = [cells[key] for key in hidden]
    if max(numbers) >= bound:
        return True
    small = sum(1 for number in numbers if number <= SMALL)
    large = len(numbers) - small
    least = small + large * (SMALL + 1)
    most = small * SMALL + large * (bound - 1)
    lowest = max(1, sum(numbers) - (most - SMALL))
    highest = min(SMALL, sum(numbers) - (least - 1))
    return highest <= lowest
