"""What a privacy officer fills in: the text of a form, a signature, a revocation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms

from consent.models import FormVersion
from consent.rules.authorization import Method, Signer
from consent.rules.forms import ExpiresAfter, ExpiresAtEvent, Expiry, FormText
from consent.rules.purposes import Information, Purpose
from consent.services import Signature


def _sentence(label: str) -> str:
    return label[0].upper() + label[1:]


INFORMATION = [
    (kind.value, _sentence(kind.label))
    for kind in Information
    if kind is not Information.PSYCHOTHERAPY_NOTES
]
PURPOSES = [(purpose.value, _sentence(purpose.label)) for purpose in Purpose]
LANGUAGES = [("en", "English"), ("es", "Spanish")]
EXPIRY = [("after", "Some time after it is signed"), ("event", "With an event")]
HOW_RECEIVED = [
    ("letter", "Letter"),
    ("email", "Email"),
    ("in_person", "In person, in writing"),
    ("phone", "By phone"),
]


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
        "A form of its own",
        "45 CFR 164.508(b)(3) and (b)(4)",
        "It shares no page and no signature with another document, and nothing waits for it.",
        ("combined_with", "required_to_proceed"),
    ),
)


def _lines(rows: int = 3) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


def _day(**options: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(widget=widget, **options)


class FormTextForm(forms.Form):
    """The text of an authorization form, complete or not: whether it is, `check_form` says."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="For your colleagues; patients don't see it."
    )
    title = forms.CharField(max_length=200, required=False, label="Heading")
    language = forms.ChoiceField(choices=LANGUAGES, label="Language")
    introduction = forms.CharField(widget=_lines(), required=False, label="Introduction")
    information = forms.CharField(
        widget=_lines(), required=False, label="The information, in words"
    )
    categories = forms.MultipleChoiceField(
        choices=INFORMATION,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Its kinds",
    )
    discloser = forms.CharField(widget=_lines(2), required=False, label="Who may use it")
    recipient = forms.CharField(widget=_lines(2), required=False, label="Who it goes to")
    purpose_text = forms.CharField(widget=_lines(), required=False, label="The purposes, in words")
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
    review_on = _day(required=False, label="It ends at the latest on")
    revocation = forms.CharField(widget=_lines(), required=False, label="The right to revoke")
    how_to_revoke = forms.CharField(widget=_lines(2), required=False, label="How to revoke")
    no_conditioning = forms.CharField(widget=_lines(), required=False, label="Statement")
    redisclosure = forms.CharField(widget=_lines(), required=False, label="Statement")
    sponsor = forms.CharField(max_length=120, required=False, label="Who pays")
    remuneration = forms.CharField(widget=_lines(2), required=False, label="Statement")
    combined_with = forms.CharField(
        widget=_lines(2),
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


_SAME = (
    *("title", "language", "introduction", "information", "discloser", "recipient"),
    *("purpose_text", "revocation", "how_to_revoke", "no_conditioning", "redisclosure"),
    *("sponsor", "remuneration", "required_to_proceed"),
)
"""Fields that are called and hold the same in the form and in the text."""


class SignatureForm(forms.Form):
    """What was signed, by whom and when."""

    version = forms.ChoiceField(label="Which form was signed?")
    signed_on = _day(label="Date of the signature")
    signer = forms.ChoiceField(
        choices=[
            (Signer.SELF.value, "The patient"),
            (Signer.REPRESENTATIVE.value, "A personal representative"),
        ],
        widget=forms.RadioSelect,
        initial=Signer.SELF.value,
        label="Who signed?",
    )
    signer_name = forms.CharField(
        max_length=200,
        label="Name as signed",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    authority = forms.CharField(
        max_length=200,
        required=False,
        label="If a representative: what gives the authority?",
        help_text="Such as 'parent' or 'health care proxy' (45 CFR 164.508(c)(1)(vi)).",
    )
    method = forms.ChoiceField(
        choices=[(Method.PAPER.value, "On paper"), (Method.ELECTRONIC.value, "Electronically")],
        widget=forms.RadioSelect,
        initial=Method.PAPER.value,
        label="How?",
    )
    copy_given = forms.BooleanField(
        required=False, label="The signer was given a copy (45 CFR 164.508(c)(4))"
    )

    def __init__(self, versions: Iterable[FormVersion], data: Any = None) -> None:
        super().__init__(data)
        choices = [(str(each.id), f"{each.form.name}, version {each.number}") for each in versions]
        self.fields["version"].choices = choices  # type: ignore[attr-defined]

    def signature(self, contact_id: UUID) -> Signature:
        """Of a valid form."""
        data = self.cleaned_data
        return Signature(
            contact_id=contact_id,
            version_id=UUID(data["version"]),
            signed_on=data["signed_on"],
            signer_name=data["signer_name"],
            signer=Signer(data["signer"]),
            authority=data["authority"],
            method=Method(data["method"]),
            copy_given=data["copy_given"],
        )


class RevocationForm(forms.Form):
    received_on = _day(
        label="When did it reach you?", help_text="Mail under it stops the moment you save this."
    )
    how = forms.ChoiceField(choices=HOW_RECEIVED, widget=forms.RadioSelect, label="How?")

    def received_at(self, zone: ZoneInfo) -> datetime:
        """The beginning of that day in the organization's zone."""
        day: date = self.cleaned_data["received_on"]
        return datetime.combine(day, time.min, tzinfo=zone)
