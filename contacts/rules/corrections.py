"""Which cells of a rejected row somebody should look at, and whether what they type is better."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from contacts.rules.fields import Field
from contacts.rules.imports import corrected
from contacts.rules.starter import BIRTH_DATE, EMAIL, RECORD_NUMBER

IDENTIFYING = (RECORD_NUMBER, EMAIL, BIRTH_DATE)
"""They tell who a row is about."""
MOST_CELLS = 20
"""With more wrong cells in a row its columns are matched to the wrong fields, most likely."""


def wrong_cells(
    cells: Mapping[str, str], fields: Mapping[str, Field], today: date
) -> dict[str, str]:
    """What is wrong with cells, which are text by field key: a sentence each, which repeats no
    value."""
    known = {key: text for key, text in cells.items() if key in fields}
    problems = corrected({}, known, fields, today)[1]
    return {key: f"{problem[:1].upper()}{problem[1:]}" for key, problem in problems.items()}


def cells_to_correct(
    cells: Mapping[str, str], fields: Mapping[str, Field], today: date
) -> list[str]:
    """Field keys of the cells of a rejected row that are worth typing anew: those that are wrong;
    where none is, the blank ones that would tell who the row is about.

    None if all cells are blank: the row did not line up with the header, and nobody knows what was
    in it. None if more than MOST_CELLS are wrong.
    """
    if not any(text.strip() for text in cells.values()):
        return []
    blank = [key for key in IDENTIFYING if key in fields and not cells.get(key, "unmapped").strip()]
    wrong = list(wrong_cells(cells, fields, today))
    return wrong or blank if len(wrong) <= MOST_CELLS else []
