"""Values out of FHIR's data types (R4, 2.24), from records that may be incomplete or odd.

With plain dictionaries and not with fhir.resources: that validates every element of a resource,
wanted or not, refuses the whole resource for one fault, and takes up to a millisecond for each.
Here what is not as it should be is simply not there.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Codes: TypeAlias = dict[str, str]
"""Displays by `system|code`."""

MAX_CHARACTERS = 500
MAX_CODE_CHARACTERS = 100

SNOMED, ICD10, RXNORM, CVX, LOINC, CPT = "snomed", "icd10", "rxnorm", "cvx", "loinc", "cpt"
TEXT = "text"
"""The system of what was only written, without a code."""

SYSTEMS = {
    "http://snomed.info/sct": SNOMED,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "http://hl7.org/fhir/sid/icd-10-cm": ICD10,
    "http://hl7.org/fhir/sid/icd-10": ICD10,
    "urn:oid:2.16.840.1.113883.6.90": ICD10,
    "http://www.nlm.nih.gov/research/umls/rxnorm": RXNORM,
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "http://hl7.org/fhir/sid/cvx": CVX,
    "urn:oid:2.16.840.1.113883.12.292": CVX,
    "http://loinc.org": LOINC,
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "http://www.ama-assn.org/go/cpt": CPT,
    "urn:oid:2.16.840.1.113883.6.12": CPT,
    "http://hl7.org/fhir/sid/icd-9-cm": "icd9",
    "http://hl7.org/fhir/sid/ndc": "ndc",
    "http://www.cms.gov/Medicare/Coding/ICD10": "icd10pcs",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "hcpcs",
}
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T.*)?", re.DOTALL)
_SEPARATORS = str.maketrans({"|": "/", ";": ","})


def text(value: object) -> str:
    """A string without blanks around it; empty for anything else."""
    return " ".join(value.split())[:MAX_CHARACTERS] if isinstance(value, str) else ""


def objects(value: object) -> Iterator[Json]:
    """The objects of a list; also the one object where a list should be."""
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, dict):
            yield member


def object_of(value: object) -> Json:
    """An object; of a list, the first one in it; an empty one where there is none."""
    return value if isinstance(value, dict) else next(objects(value), {})


def day(value: object) -> str:
    """The day of a date or time, as it was where the hospital is; empty for a partial date."""
    found = _DAY.fullmatch(text(value))
    try:
        return date.fromisoformat(found[1]).isoformat() if found else ""
    except ValueError:
        return ""


def is_current(value: Json, today: date) -> bool:
    """Whether a name, address or number is in use: neither old nor outside its period."""
    period = object_of(value.get("period"))
    end, start = day(period.get("end")), day(period.get("start"))
    now = today.isoformat()
    return text(value.get("use")) != "old" and not (end and end < now) and not start > now


def codings(concept: object) -> Iterator[tuple[str, str, str]]:
    """(system's short name or URI, code, display) of each coding of a CodeableConcept."""
    for coding in objects(object_of(concept).get("coding")):
        if code := text(coding.get("code")):
            uri = text(coding.get("system"))
            yield SYSTEMS.get(uri, uri), code, text(coding.get("display"))


def has_code(concepts: object, *codes: str) -> bool:
    """Whether one of the concepts has one of the codes, in whatever system."""
    return any(code in codes for one in objects(concepts) for _, code, _ in codings(one))


def one_code(concept: object, *preferred: str) -> Codes:
    """The one coding to keep: of the first preferred system there is, else the first; else the
    text that stands for it."""
    found = list(codings(concept))
    written = text(object_of(concept).get("text"))
    if not found:
        return written_code(written)
    rank = {system: place for place, system in enumerate(preferred)}
    system, code, display = min(found, key=lambda coding: rank.get(coding[0], len(rank)))
    return {f"{_plain(system)}|{_plain(code)}": _plain(display or written or code)}


def written_code(written: str) -> Codes:
    """What has no code but only text: the text is its code, however it is capitalized."""
    return {f"{TEXT}|{_plain(written.casefold())}": _plain(written)} if written else {}


def number(quantity: object, *units: str) -> str:
    """The number of a Quantity in one of the units; empty where it is a bound such as "<7"."""
    found = object_of(quantity)
    value = found.get("value")
    unit = text(found.get("code")) or text(found.get("unit"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if found.get("comparator") or (unit and unit.casefold() not in units):
        return ""
    if not 0 < value < 10_000:
        return ""
    shown = f"{Decimal(f'{value:.6g}'):f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _plain(part: str) -> str:
    """A part of a code as it goes into a cell, where `|` and `;` come between parts and codes."""
    return part[:MAX_CODE_CHARACTERS].translate(_SEPARATORS).strip()
