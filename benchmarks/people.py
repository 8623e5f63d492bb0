"""Made-up patients as a hospital exports them: fifteen columns, and values as people type them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

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
    "Last Visit",
    "Department",
    "Primary Provider",
    "Insurance",
)
_FIRST = (
    *("Ana", "Ben", "Chloe", "Dmitri", "Élodie", "Farid", "Grace", "Hiro"),
    *("Inés", "Jamal", "Kofi", "Linh", "María", "Noor"),
)
_LAST = [
    f"{a}{b}"
    for a in ["Ab", "Bel", "Car", "Dun", "Ek", "Fo", "Gar", "Hol", "Iv", "Jan"]
    for b in ["son", "ez", "ski", "ley", "ov", "man", "ton", "ford", "wick", "berg"]
]
_CONDITIONS = (
    ("Hypertension", 0.30),
    ("Diabetes", 0.20),
    ("asthma", 0.08),
    ("High blood pressure", 0.05),
    ("COPD", 0.04),
    ("Migraine", 0.02),
    ("Osteoporosis", 0.005),
)
_STATES = (*["IL"] * 17, "WI", "IN", "IA")
_LANGUAGES = ("English", "English", "English", "eng", "Spanish", "Español", "vie")
_SEXES = ("F", "M", "female", "Male", "U")
_DOMAINS = ("gmail.test", "yahoo.test", "riverside-mail.test", "Outlook.Test", "aol.test")
_DEPARTMENTS = ("Cardiology", "  Primary  Care", "ORTHOPEDICS", "Oncology", "Women's Health", "")
_INSURANCES = ("Blue River", "Medicare", "Medicaid", "Lakeside HMO", "self-pay")
_TODAY = date(2026, 11, 21)


def rows(count: int, seed: int = 1) -> Iterator[tuple[str, ...]]:
    """Rows in the order of HEADERS. One in five hundred cannot be taken."""
    random = Random(seed)
    days = [_TODAY - timedelta(days) for days in range(36_000)]
    for number in range(count):
        born, visit = days[random.randrange(300, 34_000)], days[random.randrange(1, 2_000)]
        first, last = random.choice(_FIRST), random.choice(_LAST)
        email = f"{first}.{last}{number}@{random.choice(_DOMAINS)}" if number % 20 else ""
        yield (
            f"MRN{number:08}",
            first,
            last.upper() if number % 7 == 0 else last,
            email.replace("é", "e").replace("É", "E").replace("í", "i"),
            f"(555) 01{number % 10}-{number % 10_000:04}",
            "02/30/1980" if number % 500 == 3 else _written(born, number),
            random.choice(_SEXES),
            random.choice(_LANGUAGES),
            f"{60_000 + random.randrange(3_000)}",
            random.choice(_STATES),
            "; ".join(name for name, share in _CONDITIONS if random.random() < share),
            _written(visit, number),
            random.choice(_DEPARTMENTS),
            f"Dr. {random.choice(_LAST)}",
            random.choice(_INSURANCES),
        )


def write_csv(path: Path, count: int) -> None:
    """A file of such rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADERS)
        writer.writerows(rows(count))


def _written(day: date, number: int) -> str:
    if number % 3 == 0:
        return f"{day.month}/{day.day}/{day.year}"
    return day.isoformat() if number % 3 == 1 else f"{day:%m/%d/%Y} 12:00 AM"
