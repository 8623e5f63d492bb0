"""A form as people read it: each statement under a plain heading, in one order, with its end."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from consent.rules.forms import ExpiresAfter, ExpiresAtEvent, Expiry, FormText
from consent.rules.words import page_language

LAYOUT = 1
"""Raised with every change of headings or order; kept with what was signed."""


@dataclass(frozen=True, slots=True)
class Part:
    """One statement and its heading; the introduction has none."""

    heading: str
    text: str


def parts(form: FormText) -> list[Part]:
    """The statements of a form. Headings are in the form's language, or in English."""
    headings = _HEADINGS[page_language(form.language)]
    return [Part(headings.get(name, ""), text) for name, text in _statements(form) if text.strip()]


def shown_text(form: FormText) -> str:
    """The whole form as plain text, exactly what is shown before signing."""
    lines = [form.title]
    for part in parts(form):
        lines += [part.heading, part.text] if part.heading else [part.text]
    return "\n\n".join(lines)


def text_digest(form: FormText) -> str:
    """SHA-256 over `shown_text`, in hexadecimal."""
    return hashlib.sha256(shown_text(form).encode()).hexdigest()


def _statements(form: FormText) -> Iterator[tuple[str, str]]:
    yield "introduction", form.introduction
    yield "information", form.information
    yield "discloser", form.discloser
    yield "recipient", form.recipient
    yield "purpose_text", form.purpose_text
    yield "remuneration", form.remuneration
    yield "sale", form.sale
    yield "expiry", _end(form.expiry, page_language(form.language))
    yield "revocation", f"{form.revocation}\n{form.how_to_revoke}"
    yield "no_conditioning", form.no_conditioning
    yield "redisclosure", form.redisclosure


_HEADINGS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "information": "What we would use",
        "discloser": "Who would use it",
        "recipient": "Who would get it",
        "purpose_text": "What for",
        "remuneration": "Who pays us",
        "sale": "What we get for it",
        "expiry": "When it ends",
        "revocation": "If you change your mind",
        "no_conditioning": "Your care stays the same",
        "redisclosure": "What could happen to it",
    },
    "es": {
        "information": "Qué usaríamos",
        "discloser": "Quién lo usaría",
        "recipient": "Quién lo recibiría",
        "purpose_text": "Para qué",
        "remuneration": "Quién nos paga",
        "sale": "Qué recibimos a cambio",
        "expiry": "Cuándo termina",
        "revocation": "Si cambia de opinión",
        "no_conditioning": "Su atención no cambia",
        "redisclosure": "Qué podría pasar con la información",
    },
}


def _end(expiry: Expiry | None, language: str) -> str:
    match expiry:
        case ExpiresAfter(months=months, days=days):
            return _ENDS_AFTER[language].format(period=_period(months, days, language))
        case ExpiresAtEvent(event=event, review_on=review_on):
            day = review_on.isoformat() if review_on else ""
            return _ENDS_WITH[language].format(event=event.rstrip(". "), day=day)
    return ""


def _period(months: int, days: int, language: str) -> str:
    units = _UNITS[language]
    counted = [(months, *units["months"]), (days, *units["days"])]
    return units["and"][0].join(
        f"{number} {one if number == 1 else many}" for number, one, many in counted if number
    )


_ENDS_AFTER = {
    "en": "It ends {period} after you sign.",
    "es": "Termina {period} después de que firme.",
}
_ENDS_WITH = {
    "en": "It ends with this event: {event}. It ends on {day} (year-month-day) at the latest.",
    "es": "Termina con este hecho: {event}. Termina a más tardar el {day} (año-mes-día).",
}
_UNITS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {"months": ("month", "months"), "days": ("day", "days"), "and": (" and ",)},
    "es": {"months": ("mes", "meses"), "days": ("día", "días"), "and": (" y ",)},
}
