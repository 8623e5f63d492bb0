"""What a privacy officer fills in: the text of a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django import forms

from consent.forms.fields import LANGUAGES, day, lines
from consent.rules.forms import ExpiresAfter, ExpiresAtEvent, Expiry, FormText
from consent.rules.part2 import Part2
from consent.rules.purposes import Information, Purpose


def _sentence(label: str) -> str:
    return label[0].upper() + label[1:]


INFORMATION = [
    (kind.value, _sentence(kind.label))
    for kind in Information
    if kind is not Information.PSYCHOTHERAPY_NOTES
]
PURPOSES = [(purpose.value, _sentence(purpose.label)) for purpose in Purpose]
TYPE_POINTS = [(points, f"{points} point") for points in (12, 14, 16, 18)]
PART2 = [
    (Part2.NONE.value, "The form is not about these records"),
    (Part2.SPECIFIC.value, "It consents to the purposes marked above"),
    (Part2.OPERATIONS.value, "It consents to treatment, payment and operations alone"),
]
EXPIRY = [("after", "Some time after it is signed"), ("event", "With an event")]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the builder: what the law asks for, where, and the fields that answer it."""

    title: str
    citation: str
    explanation: str
    fields: tuple[str, ...]


PARTS = (
    Part(
        "Name and beginning",
        "45 CFR 164.508(c)(3)",
        "Plain language: short sentences and everyday words, at grade 8 or below.",
        ("name", "title", "language", "introduction"),
    ),
    Part(
        "What information",
        "45 CFR 164.508(c)(1)(i)",
        "Name the kinds of information specifically. Segments and templates may use these only.",
        ("information", "categories"),
    ),
    Part(
        "Who uses it",
        "45 CFR 164.508(c)(1)(ii)",
        "Who may use or disclose it. Your organization's legal name must stand here.",
        ("discloser",),
    ),
    Part(
        "Who gets it",
        "45 CFR 164.508(c)(1)(iii)",
        "To whom it goes: for email, the person who signs.",
        ("recipient",),
    ),
    Part(
        "What for",
        "45 CFR 164.508(c)(1)(iv)",
        "Describe each purpose. A campaign with a purpose that is not marked needs another form.",
        ("purpose_text", "purposes"),
    ),
    Part(
        "When it ends",
        "45 CFR 164.508(c)(1)(v)",
        "An end by time, or with an event that has to do with the person or the purpose.",
        ("expiry", "months", "days", "event", "review_on"),
    ),
    Part(
        "Taking it back",
        "45 CFR 164.508(c)(2)(i)",
        "The right to revoke in writing, its exceptions, and how to do it.",
        ("revocation", "how_to_revoke"),
    ),
    Part(
        "Care does not depend on it",
        "45 CFR 164.508(c)(2)(ii)",
        "Treatment, payment, enrollment and eligibility stay the same without a signature.",
        ("no_conditioning",),
    ),
    Part(
        "It may be passed on",
        "45 CFR 164.508(c)(2)(iii)",
        "Whoever gets the information could share it, and the law may then not protect it.",
        ("redisclosure",),
    ),
    Part(
        "Who pays",
        "45 CFR 164.508(a)(3)(ii)",
        "If anybody pays you for the messages, the form must say so. Leave blank if nobody does.",
        ("sponsor", "remuneration"),
    ),
    Part(
        "What is sold",
        "45 CFR 164.508(a)(4)(ii)",
        "If somebody else gets the information and you get anything of value for it, the form must"
        " say so. Leave blank if nobody does.",
        ("sale",),
    ),
    Part(
        "Substance use disorder records",
        "42 CFR 2.31(a)",
        "Records of treatment for alcohol or drug use have a law of their own. Mail that uses them"
        " needs a consent to just these purposes.",
        ("part2",),
    ),
    Part(
        "Size of type",
        "Cal. Civ. Code 56.11",
        "California asks for 14 point or larger. The page and the print show it in this size.",
        ("type_points",),
    ),
    Part(
        "A form of its own",
        "45 CFR 164.508(b)(3) and (b)(4)",
        "It shares no page and no signature with another document, and nothing waits for it.",
        ("combined_with", "required_to_proceed"),
    ),
)


class FormTextForm(forms.Form):
    """The text of an authorization form, complete or not: whether it is, `check_form` says."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="For your colleagues; patients don't see it."
    )
    title = forms.CharField(max_length=200, required=False, label="Heading")
    language = forms.ChoiceField(choices=list(LANGUAGES.items()), label="Language")
    introduction = forms.CharField(widget=lines(), required=False, label="Introduction")
    information = forms.CharField(widget=lines(), required=False, label="The information, in words")
    categories = forms.MultipleChoiceField(
        choices=INFORMATION,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Its kinds",
    )
    discloser = forms.CharField(widget=lines(2), required=False, label="Who may use it")
    recipient = forms.CharField(widget=lines(2), required=False, label="Who it goes to")
    purpose_text = forms.CharField(widget=lines(), required=False, label="The purposes, in words")
    purposes = forms.MultipleChoiceField(
        choices=PURPOSES,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="The purposes",
    )
    expiry = forms.ChoiceField(
        choices=EXPIRY, widget=forms.RadioSelect, required=False, label="It ends"
    )
    months = forms.IntegerField(min_value=0, max_value=120, required=False, label="Months")
    days = forms.IntegerField(min_value=0, max_value=3660, required=False, label="Days")
    event = forms.CharField(max_length=200, required=False, label="Event")
    review_on = day(required=False, label="It ends at the latest on")
    revocation = forms.CharField(widget=lines(), required=False, label="The right to revoke")
    how_to_revoke = forms.CharField(widget=lines(2), required=False, label="How to revoke")
    no_conditioning = forms.CharField(widget=lines(), required=False, label="Statement")
    redisclosure = forms.CharField(widget=lines(), required=False, label="Statement")
    sponsor = forms.CharField(max_length=120, required=False, label="Who pays")
    remuneration = forms.CharField(widget=lines(2), required=False, label="Statement")
    sale = forms.CharField(widget=lines(2), required=False, label="Statement about a sale")
    part2 = forms.ChoiceField(
        choices=PART2, widget=forms.RadioSelect, required=False, label="Consent under 42 CFR Part 2"
    )
    type_points = forms.ChoiceField(choices=TYPE_POINTS, required=False, label="Set in")
    combined_with = forms.CharField(
        widget=lines(2),
        required=False,
        label="Other documents on the same page or under the same signature, one a line",
    )
    required_to_proceed = forms.BooleanField(
        required=False, label="A booking, registration or the like stops without a signature"
    )

    @staticmethod
    def initial_of(name: str, text: FormText) -> dict[str, Any]:
        """What the fields show for a text."""
        values = {key: getattr(text, key) for key in _SAME} | {
            "name": name,
            "categories": sorted(text.categories),
            "purposes": sorted(text.purposes),
            "combined_with": "\n".join(text.combined_with),
            "part2": text.part2.value,
            "type_points": text.type_points,
        }
        match text.expiry:
            case ExpiresAfter(months, days):
                return values | {"expiry": "after", "months": months, "days": days}
            case ExpiresAtEvent(event, review_on):
                return values | {"expiry": "event", "event": event, "review_on": review_on}
        return values

    def text(self) -> FormText:
        """The text as far as it is filled in and valid."""
        self.is_valid()
        data = self.cleaned_data
        return FormText(
            **{key: data.get(key, "") for key in _SAME if key != "required_to_proceed"},
            required_to_proceed=data.get("required_to_proceed", False),
            categories=frozenset(map(Information, data.get("categories", []))),
            purposes=frozenset(map(Purpose, data.get("purposes", []))),
            combined_with=tuple(data.get("combined_with", "").splitlines()),
            part2=Part2(data.get("part2") or Part2.NONE),
            type_points=int(data.get("type_points") or 12),
            expiry=self._expiry(),
        )

    def _expiry(self) -> Expiry | None:
        data = self.cleaned_data
        match data.get("expiry"):
            case "after":
                return ExpiresAfter(data.get("months") or 0, data.get("days") or 0)
            case "event":
                return ExpiresAtEvent(data.get("event", ""), data.get("review_on"))
        return None


WORDS = (
    *("title", "introduction", "information", "discloser", "recipient", "purpose_text"),
    *("remuneration", "sale", "revocation", "how_to_revoke", "no_conditioning", "redisclosure"),
)
"""What a translation says in its own words; everything else it takes from the original."""

_SAME = (*WORDS, "language", "sponsor", "required_to_proceed")
"""Fields that are called and hold the same in the form and in the text."""


def translated(original: FormText, language: str, words: Mapping[str, Any]) -> FormText:
    """The same form in other words: it allows exactly what the original does."""
    said = {name: words.get(name, "") for name in WORDS}
    return replace(original, language=language, combined_with=(), required_to_proceed=False, **said)


class TranslationForm(forms.Form):
    """The words of a form in another language. What the original leaves out, it leaves out."""

    def __init__(self, original: FormText, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.originals = {name: getattr(original, name).strip() for name in WORDS}
        for name, said in self.originals.items():
            if said:
                label, length = FormTextForm.base_fields[name].label, len(said)
                self.fields[name] = forms.CharField(
                    label=label, required=False, widget=lines(2 + length // 90)
                )
