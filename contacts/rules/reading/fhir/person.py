"""Who a Patient resource is about: the one name, number and address to use."""

import re
from collections.abc import Iterable
from datetime import date

from contacts.rules.reading.fhir.values import (
    Json,
    codings,
    day,
    is_current,
    object_of,
    objects,
    text,
)

_LAST = 1_000
_PARTIAL_DATE = re.compile(r"\d{4}(-\d{2})?", re.ASCII)
_NOT_RECORD_NUMBERS = frozenset({"SS", "SB", "DL", "PPN", "MC", "MA", "TAX", "PRN", "NPI", "CZ"})
_LANGUAGES = {  # ISO 639-2 and 639-3 to 639-1
    "eng": "en", "spa": "es", "vie": "vi", "zho": "zh", "chi": "zh", "cmn": "zh", "yue": "zh",
    "fil": "tl", "tgl": "tl", "kor": "ko", "ara": "ar", "rus": "ru", "fra": "fr", "fre": "fr",
    "hat": "ht", "por": "pt", "hin": "hi", "som": "so", "deu": "de", "ger": "de", "ita": "it",
    "jpn": "ja", "pol": "pl", "fas": "fa", "per": "fa", "urd": "ur", "ben": "bn", "guj": "gu",
}  # fmt: skip
_WRITTEN_IN = frozenset(
    ["en", "es", "vi", "zh", "tl", "ko", "ar", "ru", "fr", "ht", "pt", "hi", "so"]
)
"""The languages that the language field tells apart."""


def _by_use(values: Iterable[Json], uses: tuple[str, ...], today: date) -> list[Json]:
    """The values in use, those of the first kind of use first; of other kinds none."""
    known = [one for one in values if is_current(one, today) and text(one.get("use")) in uses]
    return sorted(known, key=lambda one: uses.index(text(one.get("use"))))


def first_name(patient: Json, today: date) -> str:
    for name in _by_use(objects(patient.get("name")), ("usual", "official", "", "temp"), today):
        given = name.get("given")
        for one in given if isinstance(given, list) else [given]:
            if found := text(one):
                return found
    return ""


def last_name(patient: Json, today: date) -> str:
    for name in _by_use(objects(patient.get("name")), ("official", "usual", "", "temp"), today):
        if found := text(name.get("family")):
            return found
    return ""


def _record_identifier(patient: Json, today: date) -> Json:
    """The identifier typed MR; where no identifier has a type, the usual or only one."""
    known = [
        one
        for one in objects(patient.get("identifier"))
        if text(one.get("value")) and is_current(one, today)
    ]
    uses = {"usual": 0, "official": 1}
    known.sort(key=lambda one: uses.get(text(one.get("use")), len(uses)))
    for one in known:
        if "MR" in _types(one):
            return one
    others = [one for one in known if _may_be_record_number(one)]
    usual = [one for one in others if text(one.get("use")) == "usual"]
    return usual[0] if usual else (others[0] if len(others) == 1 else {})


def _types(identifier: Json) -> set[str]:
    return {code for _, code, _ in codings(identifier.get("type"))}


def _may_be_record_number(identifier: Json) -> bool:
    system = text(identifier.get("system")).casefold()
    return not (_types(identifier) & _NOT_RECORD_NUMBERS) and "ssn" not in system


def record_number(patient: Json, today: date) -> str:
    return text(_record_identifier(patient, today).get("value"))


def record_system(patient: Json, today: date) -> str:
    return text(_record_identifier(patient, today).get("system"))


def _contact(patient: Json, today: date, systems: tuple[str, ...], uses: tuple[str, ...]) -> str:
    points = [
        one
        for one in objects(patient.get("telecom"))
        if text(one.get("system")).casefold() in systems and is_current(one, today)
    ]
    points.sort(key=lambda one: (_rank(one), _place(text(one.get("use")), uses)))
    return next((found for one in points if (found := text(one.get("value")))), "")


def _rank(point: Json) -> int:
    rank = point.get("rank")
    return rank if isinstance(rank, int) and not isinstance(rank, bool) and rank > 0 else _LAST


def _place(use: str, uses: tuple[str, ...]) -> int:
    return uses.index(use) if use in uses else len(uses)


def email(patient: Json, today: date) -> str:
    address = _contact(patient, today, ("email",), ("home", "mobile", "", "temp", "work"))
    return address[7:] if address.lower().startswith("mailto:") else address


def phone(patient: Json, today: date) -> str:
    number = _contact(patient, today, ("phone", "sms"), ("mobile", "home", "", "temp", "work"))
    return number[4:] if number.lower().startswith("tel:") else number


def _address(patient: Json, today: date) -> Json:
    return next(iter(_by_use(objects(patient.get("address")), ("home", "", "temp"), today)), {})


def postal_code(patient: Json, today: date) -> str:
    return text(_address(patient, today).get("postalCode"))


def state(patient: Json, today: date) -> str:
    return text(_address(patient, today).get("state"))


def birth_date(patient: Json, _: date) -> str:
    """The day; what is no FHIR date is handed on as it is, to be judged like any cell."""
    written = text(patient.get("birthDate"))
    return "" if has_partial_birth_date(patient) else day(written) or written


def has_partial_birth_date(patient: Json) -> bool:
    return bool(_PARTIAL_DATE.fullmatch(text(patient.get("birthDate"))))


def language(patient: Json, _: date) -> str:
    """ISO 639-1 of the preferred language, or of the only one where none is preferred; "other" for
    one that the language field does not tell apart."""
    known = list(objects(patient.get("communication")))
    preferred = [one for one in known if one.get("preferred") is True]
    chosen = preferred[:1] or (known if len(known) == 1 else [])
    for one in chosen:
        spoken = object_of(one.get("language"))
        for _system, code, _display in codings(spoken):
            short = code.replace("_", "-").partition("-")[0].casefold()
            known_as = _LANGUAGES.get(short, short)
            return known_as if known_as in _WRITTEN_IN else "other"
        return text(spoken.get("text"))
    return ""


def deceased(patient: Json, _: date) -> str:
    if text(patient.get("deceasedDateTime")) or patient.get("deceasedBoolean") is True:
        return "yes"
    return "no" if patient.get("deceasedBoolean") is False else ""
