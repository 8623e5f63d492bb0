"""Made-up patients for the demo: the same seed and day always give the same people.

Every mail domain is under .test (RFC 6761) and every telephone number is from the range reserved
for fiction, so nothing made here can reach anybody.
"""

import csv
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Literal, TypeAlias

from config.demo.names import NAMES, Names

SEED = 20261121
HEADERS = (
    "MRN",
    "First Name",
    "Last Name",
    "Email",
    "Phone",
    "DOB",
    "Sex",
    "Language",
    "ZIP",
    "State",
    "Conditions",
    "Wellness Interests",
    "Last Flu Shot",
    "Last Visit",
    "Department",
    "Primary Provider",
    "Insurance",
    "Deceased",
)

Plan: TypeAlias = Literal["live", "expired", "revoked"]
Row: TypeAlias = dict[str, str]

_DOMAINS = {
    "riverside-mail.test": 62,
    "valleymail.test": 20,
    "oldpost.test": 6,
    "plainmail.test": 6,
    "slowmail.test": 6,
}
_MAIN_DOMAIN = "riverside-mail.test"
_GONE_SHARE = 0.01
_HOUSEHOLD_SHARE = 0.02  # each also makes a neighbour of the row before: 4 % share an address
_DECEASED_SHARE_OF_OLD = 0.048  # about 1.5 % of all

_LANGUAGES = {"English": 78, "Spanish": 15, "Vietnamese": 7}
_AGES = {(0, 17): 14, (18, 39): 28, (40, 59): 27, (60, 79): 24, (80, 96): 7}

# The share of people with a condition by age: under 18, 18 to 39, 40 to 59, 60 and over.
_CONDITIONS = {
    "Asthma": (0.09, 0.08, 0.08, 0.08),
    "Arthritis": (0.00, 0.04, 0.18, 0.42),
    "Cancer": (0.00, 0.01, 0.04, 0.12),
    "COPD": (0.00, 0.00, 0.04, 0.11),
    "Depression": (0.03, 0.12, 0.11, 0.09),
    "Diabetes": (0.00, 0.03, 0.13, 0.24),
    "Heart disease": (0.00, 0.01, 0.06, 0.20),
    "High cholesterol": (0.00, 0.06, 0.24, 0.40),
    "Hypertension": (0.00, 0.08, 0.30, 0.55),
    "Kidney disease": (0.00, 0.01, 0.03, 0.10),
    "Migraine": (0.03, 0.12, 0.09, 0.04),
    "Obesity": (0.06, 0.14, 0.18, 0.14),
    "Osteoporosis": (0.00, 0.00, 0.03, 0.14),
    "Thyroid disease": (0.00, 0.03, 0.07, 0.11),
}
_PREGNANCY_SHARE = 0.05
_INTERESTS = ("Nutrition", "Walking group", "Yoga", "Quit smoking", "Sleep", "Stress")
_DEPARTMENTS = (
    "Family Medicine",
    "Internal Medicine",
    "Cardiology",
    "Endocrinology",
    "Pulmonology",
)
_PROVIDERS = ("Dr. Alvarez", "Dr. Brooks", "Dr. Chen", "Dr. Nguyen", "Dr. Okafor", "Dr. Patel")
_INSURERS = ("Medicaid", "Bluebird Health", "Summit Mutual", "Self-pay")
_ZIPS = ("92501", "92503", "92504", "92505", "92506", "92507", "92508", "92509")


def generate(
    count: int = 5_000, seed: int = SEED, *, today: date, bad_rows: int = 0
) -> Iterator[Row]:
    """Rows as a hospital would export them: `count` good ones and `bad_rows` among them.

    Visits and ages are relative to `today`. The good rows do not depend on the bad ones.
    """
    maker = _Maker(Random(seed), today)
    bad_maker = _Maker(Random(f"{seed}:bad"), today)
    spoiled = 0
    for number in range(1, count + 1):
        yield maker.patient(number)
        while spoiled * count < bad_rows * number:
            yield _spoil(bad_maker.patient(count + spoiled + 1), spoiled, bad_maker.random)
            spoiled += 1


def write_csv(
    path: Path, count: int = 5_000, seed: int = SEED, *, today: date, bad_rows: int = 0
) -> None:
    """Write generated patients as CSV in UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADERS)
        writer.writeheader()
        writer.writerows(generate(count, seed, today=today, bad_rows=bad_rows))


def authorization_plan(seed: int, row: Row) -> Plan | None:
    """What became of a patient's marketing authorization: 60 % live, 8 % expired, 6 % revoked."""
    place = Random(f"{seed}:authorization:{row['MRN']}").random()
    if place < 0.60:
        return "live"
    if place < 0.68:
        return "expired"
    return "revoked" if place < 0.74 else None


def _spoil(row: Row, number: int, random: Random) -> Row:
    """Make a row that an import must refuse, in the ways that real exports are wrong."""
    faults: tuple[Row, ...] = (
        {"DOB": f"02/{random.randint(30, 31)}/{random.randint(1940, 2005)}"},
        {"Email": row["Email"].replace("@", " at ")},
        {"MRN": "", "Email": ""},
        {"Email": f"{row['Email']}; {row['Email']}"},
        {"DOB": f"13/{random.randint(13, 28)}/{random.randint(1940, 2005)}"},
    )
    return row | faults[number % len(faults)]


def _us(day: date) -> str:
    return f"{day:%m/%d/%Y}"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in plain.lower() if "a" <= letter <= "z")


@dataclass(slots=True)
class _Maker:
    random: Random
    today: date
    used_locals: set[str] = field(default_factory=set)
    previous: Row = field(default_factory=dict)

    def patient(self, number: int) -> Row:
        language = self._weighted(_LANGUAGES)
        sex = self.random.choice(("F", "M"))
        names = NAMES[language]
        born = self._birth_date()
        age = (self.today - born).days // 365
        row = {
            "MRN": f"RH{100_000 + number}",
            "First Name": self.random.choice(names.female if sex == "F" else names.male),
            "Last Name": self._last_name(names),
            "Phone": f"(951) 555-01{self.random.randint(0, 99):02}",
            "DOB": _us(born),
            "Sex": sex,
            "Language": language,
            "ZIP": self.random.choice(_ZIPS),
            "State": "CA",
            "Conditions": "; ".join(self._conditions(age, sex)),
            "Wellness Interests": "; ".join(self._interests(age)),
            "Last Flu Shot": self._past_day(200, 900) if self.random.random() < 0.6 else "",
            "Last Visit": self._past_day(3, 1_100),
            "Department": "Pediatrics" if age < 18 else self.random.choice(_DEPARTMENTS),
            "Primary Provider": self.random.choice(_PROVIDERS),
            "Insurance": "Medicare" if age >= 65 else self.random.choice(_INSURERS),
            "Deceased": "Y" if age >= 60 and self.random.random() < _DECEASED_SHARE_OF_OLD else "N",
        }
        row |= self._household() or {"Email": self._new_address(row, born)}
        self.previous = row
        return {header: row[header] for header in HEADERS}

    def _weighted(self, weights: dict[str, int]) -> str:
        return self.random.choices(tuple(weights), tuple(weights.values()))[0]

    def _birth_date(self) -> date:
        youngest, oldest = self.random.choices(tuple(_AGES), tuple(_AGES.values()))[0]
        days = self.random.randint(youngest * 365 + 30, oldest * 365 + 300)
        return self.today - timedelta(days=days)

    def _last_name(self, names: Names) -> str:
        if names.two_last_names and self.random.random() < 0.3:
            return " ".join(self.random.sample(names.last, 2))
        return self.random.choice(names.last)

    def _past_day(self, nearest: int, farthest: int) -> str:
        days = int(self.random.triangular(nearest, farthest, nearest))
        return _us(self.today - timedelta(days=days))

    def _conditions(self, age: int, sex: str) -> list[str]:
        band = 0 if age < 18 else 1 if age < 40 else 2 if age < 60 else 3
        found = [name for name, odds in _CONDITIONS.items() if self.random.random() < odds[band]]
        if sex == "F" and 18 <= age <= 44 and self.random.random() < _PREGNANCY_SHARE:
            found.append("Pregnancy")
        return found

    def _interests(self, age: int) -> list[str]:
        return self.random.sample(_INTERESTS, self.random.choice((0, 0, 1, 2))) if age >= 18 else []

    def _household(self) -> Row | None:
        """Name and address of the patient before, for one who lives with them."""
        if not self.previous or self.random.random() >= _HOUSEHOLD_SHARE:
            return None
        shared = ("Last Name", "Email", "Phone", "Language", "ZIP")
        return {header: self.previous[header] for header in shared}

    def _new_address(self, row: Row, born: date) -> str:
        first, last = _ascii(row["First Name"]), _ascii(row["Last Name"].split()[0])
        if self.random.random() < _GONE_SHARE:
            return f"{self._unused(f'gone.{first}')}@{_MAIN_DOMAIN}"
        local = self.random.choice(
            (f"{first}.{last}", f"{first[0]}{last}", f"{last}.{first}", f"{first}{born:%y}")
        )
        return f"{self._unused(local)}@{self._weighted(_DOMAINS)}"

    def _unused(self, local: str) -> str:
        candidate, suffix = local, 1
        while candidate in self.used_locals:
            suffix += 1
            candidate = f"{local}{suffix}"
        self.used_locals.add(candidate)
        return candidate
