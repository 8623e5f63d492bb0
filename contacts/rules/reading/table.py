"""What every kind of file becomes: names of columns, and numbered rows of text."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from contacts.rules.email import EmailAddress, EmailProblem
from contacts.rules.fields import PsychotherapyNotes, refuse_psychotherapy_notes

MAX_COLUMNS = 200
MAX_ROWS = 2_000_000
MAX_CELL_CHARACTERS = 10_000
MAX_NAME_CHARACTERS = 200
SAMPLED_ROWS = 100


class FileProblem(ValueError):
    """The file as a whole cannot be read. Says what to do, and repeats no patient value."""


class Kind(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"
    FHIR = "fhir"


@dataclass(slots=True)
class Row:
    """One row below the header, numbered as a spreadsheet does (a header on top is row 1).

    `problem` is set, and `cells` is empty, when its cells do not line up with the header: values
    that slid into the wrong column would give one patient's data to another.
    """

    number: int
    cells: tuple[str, ...] = field(default=(), repr=False)
    problem: str = ""


@dataclass(slots=True)
class Notes:
    """How a file was read, to show to whoever uploaded it. Complete once its rows are consumed.

    `resources`, `left_out` and `unknown` count FHIR resources by type: read, left out by a rule of
    the mapping, and of types that nothing is read from. `remarks` counts cases by a sentence.
    `sheet` and `other_sheets` are names from the file.
    """

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    other_sheets: list[str] = field(default_factory=list)
    resources: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)

    def remark(self, words: str, times: int = 1) -> None:
        self.remarks[words] = self.remarks.get(words, 0) + times

    def as_json(self) -> dict[str, object]:
        """Plain data, without what does not apply."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(slots=True)
class Table:
    """A file of rows. `rows` can be consumed once and may raise FileProblem on the way."""

    kind: Kind
    headers: tuple[str, ...]
    rows: Iterator[Row] = field(repr=False)
    notes: Notes


@dataclass(frozen=True, slots=True)
class Header:
    """The names of the columns, and how many there are up to the last that the file named."""

    names: tuple[str, ...]
    named: int

    def fit(self, cells: Sequence[str]) -> tuple[str, ...] | None:
        """The cells for these columns, or None where they do not line up.

        Blank cells after the last column are cut off; the last columns may be missing where they
        have no name. A row that is short otherwise may lack any of its cells, so it is refused.
        """
        width = len(self.names)
        if any(cell.strip() for cell in cells[width:]) or len(cells) < self.named:
            return None
        return (*cells[:width], *[""] * (width - len(cells)))

    def misfit(self, cells: int) -> str:
        return f"the row has {cells} columns, the header has {len(self.names)}"


def read_header(cells: Sequence[str], sample: Sequence[Sequence[str]]) -> Header:
    """Name the columns from the first row; `sample` are some of the rows below it.

    A blank name becomes "Column 7", a second "Phone" becomes "Phone (2)". Unnamed columns on the
    right that are blank in the sample are cut off. Raises FileProblem.
    """
    names = [_tidy(cell) for cell in cells]
    _refuse_title(names, sample)
    _refuse_person(names)
    named = max((at for at, name in enumerate(names, start=1) if name), default=0)
    used = max((_width(row[: len(names)]) for row in sample), default=0)
    names = names[: max(named, used)]
    if len(names) > MAX_COLUMNS:
        raise FileProblem(
            f"The file has {len(names)} columns; at most {MAX_COLUMNS} can be imported."
            " Remove columns that are not needed."
        )
    for position, name in enumerate(names, start=1):
        try:
            refuse_psychotherapy_notes(name)
        except PsychotherapyNotes as notes:
            raise FileProblem(f"Column {position}: {notes}") from None
    return Header(_unique(names), named)


def empty_file() -> FileProblem:
    return FileProblem("The file is empty. Its first row must hold the names of the columns.")


def too_many_rows() -> FileProblem:
    return FileProblem(f"The file has more than {MAX_ROWS:,} rows. Split it and import the parts.")


def is_blank(cells: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in cells)


def _tidy(name: str) -> str:
    return " ".join(name.split())[:MAX_NAME_CHARACTERS]


def _width(cells: Sequence[str]) -> int:
    return max((at for at, cell in enumerate(cells, start=1) if cell.strip()), default=0)


def _refuse_title(names: Sequence[str], sample: Sequence[Sequence[str]]) -> None:
    filled = [sum(1 for cell in row if cell.strip()) for row in sample]
    if sum(1 for name in names if name) == 1 and sum(1 for cells in filled if cells > 1) * 2 > len(
        filled
    ):
        raise FileProblem(
            "The first row has only one cell, the rows below have more: it looks like a title."
            " Delete the rows above the names of the columns."
        )


def _refuse_person(names: Sequence[str]) -> None:
    for name in names:
        try:
            EmailAddress.parse(name)
        except EmailProblem:
            continue
        raise FileProblem(
            "The first row holds an email address, not the names of the columns. Add a row with"
            " the names above it."
        )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    taken = {name.casefold() for name in names if name}
    unique: list[str] = []
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        wanted = name or f"Column {position}"
        found, count = wanted, 1
        while found.casefold() in seen or (found != name and found.casefold() in taken):
            count += 1
            found = f"{wanted} ({count})"
        seen.add(found.casefold())
        unique.append(found)
    return tuple(unique)
