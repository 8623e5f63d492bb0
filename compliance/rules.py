"""How the dashboard's figures are grouped and hidden. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from contacts.rules.counts import SMALL, Count, hide_small_cells


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: a stable code, what it counts in words, and the number as far as it is shown."""

    code: str
    label: str
    count: Count


@dataclass(frozen=True, slots=True)
class Figures:
    """Lines that add up to a total, as far as each may be shown."""

    lines: list[Figure]
    total: Count


def figures(labels: Mapping[str, str], cells: Mapping[str, int]) -> Figures:
    """Every labelled cell, none of 1 to 10 shown or to be worked out from the others."""
    shown = hide_small_cells({code: cells.get(code, 0) for code in labels})
    lines = [Figure(code, label, shown.cells[code]) for code, label in labels.items()]
    return Figures(lines, shown.total)


def by_size(labels: Mapping[str, str], cells: Mapping[str, int]) -> Figures:
    """The cells that there are, the largest first and hidden ones last, by name."""
    found = figures({code: labels.get(code, _plain(code)) for code in cells}, cells)
    lines = sorted(
        found.lines, key=lambda each: (each.count.hidden, -(each.count.value or 0), each.label)
    )
    return Figures(lines, found.total)


def _plain(code: str) -> str:
    return code.replace("_", " ").capitalize()


STANDINGS = {
    "live": "Signed, and good for more than 90 days",
    "ends_90": "Ends in 61 to 90 days",
    "ends_60": "Ends in 31 to 60 days",
    "ends_30": "Ends within 30 days",
    "ended": "Has ended",
    "revoked": "Revoked",
    "never": "Never signed",
}
LIVE = ("live", "ends_90", "ends_60", "ends_30")
REQUESTS = {
    "signed": "Signed",
    "declined": "Declined",
    "failed": "Could not be delivered, or the birth date was wrong",
    "open": "Not answered yet",
}


def rate(cells: Mapping[str, int], shown: Figures) -> str:
    """The share of people with a live authorization, in percent.

    Beside hidden cells only in tens: exact, it would be a sum that tells one of them. Hidden where
    either part is small.
    """
    live = sum(cells.get(code, 0) for code in LIVE)
    others = sum(cells.values()) - live
    if not live + others:
        return "none yet"
    if 1 <= live <= SMALL or 1 <= others <= SMALL:
        return "hidden"
    percent = 100 * live / (live + others)
    if any(line.count.hidden for line in shown.lines):
        return f"about {round(percent / 10) * 10} %"
    return f"{round(percent)} %"


def in_words(span: timedelta | None) -> str:
    """A span of time in its largest unit."""
    if span is None:
        return "none yet"
    seconds = span.total_seconds()
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "at once"


def as_rows(sections: Iterable[tuple[str, Figures]]) -> list[tuple[str, str, str]]:
    """Section, line and number, for a file."""
    rows = []
    for title, found in sections:
        rows += [(title, line.label, line.count.text) for line in found.lines]
        rows.append((title, "Together", found.total.text))
    return rows
