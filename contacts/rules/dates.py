"""Dates as US systems export them."""

import re
from datetime import date

EARLIEST_YEAR = 1850
LATEST_YEAR = 2150

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?(?: ?[AaPp][Mm])?)?"
_FORMS = tuple(
    re.compile(form + _TIME, re.ASCII)
    for form in (
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",  # ISO 8601
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",  # HL7
        r"(?P<month>\d{1,2})[/-](?P<day>\d{1,2})[/-](?P<year>\d{4})",  # US
        r"(?P<day>\d{1,2})-(?P<month>[A-Za-z]{3})-(?P<year>\d{4})",  # Oracle
        r"(?P<month>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})",  # in words
    )
)
_PLAIN_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: 12:00 AM)?\Z", re.ASCII)
_PLAIN_ISO = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)


class DateProblem(ValueError):
    """The text is not a date. `impossible` means it has the shape of one that does not exist."""

    def __init__(self, *, impossible: bool) -> None:
        super().__init__("impossible date" if impossible else "not a date")
        self.impossible = impossible


def read_date(text: str) -> date:
    """Read an ISO, HL7 or US date (a time of day is dropped); raise DateProblem otherwise.

    Years of two digits are refused: a guess would make some patients a century younger.
    """
    text = text.strip()
    if _PLAIN_ISO.match(text):  # most dates there are, without a try of every form
        return _existing(int(text[:4]), int(text[5:7]), int(text[8:]))
    if match := _PLAIN_US.match(text):
        month, day, year = match.groups()
        return _existing(int(year), int(month), int(day))
    for form in _FORMS:
        if match := form.fullmatch(text):
            return _existing(int(match["year"]), _month_number(match["month"]), int(match["day"]))
    raise DateProblem(impossible=False)


def age_in_years(born: date, today: date) -> int:
    """Completed years; somebody born on 29 February has the birthday on 1 March."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _existing(year: int, month: int, day: int) -> date:
    try:
        found = date(year, month, day)
    except ValueError:
        raise DateProblem(impossible=True) from None
    if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise DateProblem(impossible=True)
    return found


def _month_number(text: str) -> int:
    """1 to 12 of a month that there is."""
    if text.isdigit():
        return int(text)
    name = text[:3].lower()
    return _MONTHS.index(name) + 1 if name in _MONTHS else 0
