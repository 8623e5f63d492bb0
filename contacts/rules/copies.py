"""Names of copies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

NAME_CHARACTERS = 120
"""That the name of a segment or a campaign may have."""


def names_of_copies(name: str) -> Iterator[str]:
    """ "Copy of Flu shots", "Copy 2 of Flu shots" and so on, to take the first that is free."""
    for number in count(1):
        start = "Copy of " if number == 1 else f"Copy {number} of "
        yield (start + name)[:NAME_CHARACTERS]
