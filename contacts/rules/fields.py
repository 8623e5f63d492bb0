"""The fields of a contact: what they hold, how values are read, and how they are compared."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from contacts.rules.dates import DateProblem, read_date

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | list[str] | None
"""What a profile holds under a key: JSON types only, dates as ISO text, None for unknown.

A list holds choices, or codes as `system|code|display`. No choice has a bar in it.
"""

MAX_TEXT_CHARACTERS = 500
MAX_NUMBER = 10**15  # floats are exact to here
CODE_PARTS = 3
MAX_SYSTEM_CHARACTERS, MAX_CODE_CHARACTERS, MAX_DISPLAY_CHARACTERS = 200, 100, 300

_MEMBER_SEPARATOR = re.compile(r"[;|]")
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", re.ASCII)
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # controls, lone surrogates
_TRUE = frozenset({"true", "yes", "y", "1", "t", "x"})
_FALSE = frozenset({"false", "no", "n", "0", "f"})
_PSYCHOTHERAPY_NOTES = re.compile(
    r"psych.*note|note.*psych|^therapynotes?|(counsell?ing|counsell?or|process|session)notes?"
)


class FieldType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    CHOICES = "choices"
    CODES = "codes"


class FieldGroup(StrEnum):
    DEMOGRAPHIC = "demographic"
    CLINICAL = "clinical"
    JOURNEY = "journey"
    FINANCIAL = "financial"
    BEHAVIOUR = "behaviour"


class FieldClass(StrEnum):
    """How sensitive a field is.

    IDENTIFIER names one person and so can never be part of a segment: a count of 0 against
    "10 or fewer" would tell whether that person has a diagnosis. PART2 comes from a substance
    use disorder programme (42 CFR Part 2).
    """

    IDENTIFIER = "identifier"
    PHI = "phi"
    PART2 = "part2"


class Relationship(StrEnum):
    PATIENT = "patient"
    MEMBER = "member"
    PROSPECT = "prospect"
    PROFESSIONAL = "professional"


@dataclass(frozen=True, slots=True)
class Choice:
    """One allowed value, what people read for it, and other spellings that imports accept."""

    value: str
    label: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an organization's contacts.

    `searchable` puts its values into the blind index. A choice field without choices takes any
    text. Raises PsychotherapyNotes when the key or label names such notes.
    """

    key: str
    label: str
    type: FieldType
    group: FieldGroup
    classification: FieldClass = FieldClass.PHI
    searchable: bool = True
    choices: tuple[Choice, ...] = ()

    def __post_init__(self) -> None:
        refuse_psychotherapy_notes(self.key)
        refuse_psychotherapy_notes(self.label)

    def label_of(self, value: Scalar) -> str:
        """What people read for a stored value."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.type is FieldType.CODES:
            return code_display(str(value))
        return next((choice.label for choice in self.choices if choice.value == value), str(value))


class ValueProblem(ValueError):
    """A value could not be read. The exception's text never repeats the value.

    `detail` does, and is only for the reject file that authorized staff download.
    """

    def __init__(self, field_key: str, public: str, detail: str) -> None:
        super().__init__(public)
        self.field_key = field_key
        self.public = public
        self.detail = detail


class PsychotherapyNotes(ValueError):
    """Psychotherapy notes (45 CFR 164.501) are never kept, segmented or merged here."""


def refuse_psychotherapy_notes(key_or_label: str) -> None:
    """Raise PsychotherapyNotes if a field or column is named like psychotherapy notes."""
    letters = re.sub(r"[\W\d_]", "", key_or_label.casefold())
    if _PSYCHOTHERAPY_NOTES.search(letters):
        raise PsychotherapyNotes(
            "Psychotherapy notes cannot be kept here (45 CFR 164.508(a)(2)). Leave this field out;"
            " if it holds something else, give it another name."
        )


def clean_value(field: Field, text: str) -> Value:
    """Read imported or typed text as the field's type; blank text is None.

    Raises ValueProblem in plain words.
    """
    return reader(field)(text)


def reader(field: Field) -> Callable[[str], Value]:
    """`clean_value` of one field, for reading many texts."""
    read: Callable[[Field, str], Value] = _OF_SEVERAL.get(field.type) or _OF_ONE[field.type]

    def read_tidy(text: str) -> Value:
        text = _tidy(text)
        return read(field, text) if text else None

    return read_tidy


def clean_member(field: Field, text: str) -> Scalar:
    """Read one value: like `clean_value`, but not blank, and one member of several choices."""
    text = _tidy(text)
    if not text:
        raise ValueProblem(field.key, f"{field.label} is blank", f"{field.label} is blank")
    return _OF_ONE[field.type](field, text)


def written(value: Value) -> str:
    """A stored value as text that `clean_value` reads as the same value."""
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")  # never as 1e-05
    return "" if value is None else str(value)


def normalize(value: Value) -> list[str]:
    """The canonical strings of a stored value, for comparison and for the blind index.

    Unicode NFKC, case-folded, blanks collapsed; one string for each member of several choices, and
    of a code its system and the code itself.
    """
    if value is None:
        return []
    if isinstance(value, list):
        return [normal for member in value for normal in normalize(code_key(member))]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]
    normal = _fold(str(value))
    return [normal] if normal else []


def code_key(code: str) -> str:
    """`system|code` of `system|code|display`; other text as it is."""
    return "|".join(code.split("|", CODE_PARTS - 1)[: CODE_PARTS - 1])


def code_display(code: str) -> str:
    """What people read for a code."""
    parts = code.split("|", CODE_PARTS - 1)
    return parts[-1] if len(parts) == CODE_PARTS and parts[-1] else " ".join(parts[:2]).strip()


def _fold(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Folding can leave a sequence that NFKC composes again, so it is applied once more.
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _tidy(text: str) -> str:
    if text.isascii():
        return " ".join(text.split())
    return " ".join(unicodedata.normalize("NFC", text).split())


def _problem(field: Field, text: str, what: str) -> ValueProblem:
    return ValueProblem(field.key, f"{field.label} {what}", f"{field.label} “{text[:80]}” {what}")


def _clean_text(field: Field, text: str) -> str:
    if len(text) > MAX_TEXT_CHARACTERS:
        raise _problem(field, text, f"is longer than {MAX_TEXT_CHARACTERS} characters")
    if not text.isprintable() and _UNSHOWABLE.search(text):
        raise _problem(field, "", "has characters that cannot be shown")
    return text


def _clean_number(field: Field, text: str) -> int | float:
    if not _NUMBER.fullmatch(text) or abs(number := float(text.replace(",", ""))) > MAX_NUMBER:
        raise _problem(field, text, "is not a number; write it like 12 or 12.5")
    return int(number) if number.is_integer() else number


def _clean_date(field: Field, text: str) -> str:
    try:
        return read_date(text).isoformat()
    except DateProblem as problem:
        if problem.impossible:
            raise _problem(field, text, "does not exist") from None
        what = "is not a date; write it like 1980-02-28 or 02/28/1980"
        raise _problem(field, text, what) from None


def _clean_boolean(field: Field, text: str) -> bool:
    folded = _fold(text)
    if folded in _TRUE or folded == _fold(field.label):
        return True
    if folded in _FALSE:
        return False
    raise _problem(field, text, "is neither yes nor no")


def _clean_choice(field: Field, text: str) -> str:
    if not field.choices:
        return _clean_text(field, text)
    value = _choices_by_name(field.choices).get(_fold(text))
    if value is None:
        raise _problem(field, text, "is not one of the choices of this field")
    return value


def _clean_code(field: Field, text: str) -> str:
    """`system|code|display`, `system|code` or a bare code, which is its own display."""
    parts = [_clean_text(field, part.strip()) for part in text.split("|")]
    if len(parts) == 1:
        parts = ["", *parts]
    if len(parts) == CODE_PARTS:
        parts[-1] = parts[-1][:MAX_DISPLAY_CHARACTERS]
    too_long = len(parts[0]) > MAX_SYSTEM_CHARACTERS or len(parts[1]) > MAX_CODE_CHARACTERS
    if len(parts) > CODE_PARTS or not parts[1] or too_long:
        raise _problem(field, text, "is not a code; write it like system|code|name")
    return "|".join(parts)


def _clean_code_key(field: Field, text: str) -> str:
    return code_key(_clean_code(field, text))


def _clean_choices(field: Field, text: str) -> list[str] | None:
    members = [_tidy(member) for member in _MEMBER_SEPARATOR.split(text)]
    cleaned = [_clean_choice(field, member) for member in members if member]
    return list(dict.fromkeys(cleaned)) or None


def _clean_codes(field: Field, text: str) -> list[str] | None:
    codes = [_clean_code(field, each) for each in text.split(";") if each.strip()]
    return list({code_key(code): code for code in codes}.values()) or None


_OF_ONE: dict[FieldType, Callable[[Field, str], Scalar]] = {
    FieldType.TEXT: _clean_text,
    FieldType.NUMBER: _clean_number,
    FieldType.DATE: _clean_date,
    FieldType.BOOLEAN: _clean_boolean,
    FieldType.CHOICE: _clean_choice,
    FieldType.CHOICES: _clean_choice,
    FieldType.CODES: _clean_code_key,
}
_OF_SEVERAL: dict[FieldType, Callable[[Field, str], list[str] | None]] = {
    FieldType.CHOICES: _clean_choices,
    FieldType.CODES: _clean_codes,
}


@lru_cache(maxsize=256)
def _choices_by_name(choices: tuple[Choice, ...]) -> dict[str, str]:
    names: dict[str, str] = {}
    for choice in choices:
        for name in (choice.value, choice.label, *choice.also):
            names.setdefault(_fold(name), choice.value)
    return names
