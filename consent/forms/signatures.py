"""What is filled in about signatures: asking for one, recording one, and what ends it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms

from consent.forms.fields import LANGUAGES, day
from consent.models import FormVersion
from consent.rules.authorization import Method, Signer
from consent.services import NotAScan, Signature, media_type_of

HOW_RECEIVED = [
    ("letter", "Letter"),
    ("email", "Email"),
    ("in_person", "In person, in writing"),
    ("other", "Other writing"),
    ("phone", "By phone"),
]
DISPUTES = [
    ("not_the_signer", "Somebody else signed"),
    ("no_authority", "The representative was not allowed to sign"),
    ("wrong_address", "The address is not the patient's"),
    ("other", "Something else in it is false"),
]


def _named(version: FormVersion) -> tuple[str, str]:
    return str(version.id), f"{version.form.name}, version {version.number}"


class AskForm(forms.Form):
    """Which form a patient is asked to sign, and where."""

    version = forms.ChoiceField(label="Which form?")
    channel = forms.ChoiceField(choices=[("mail", "By email"), ("desk", "At the desk")])

    def __init__(self, versions: Iterable[FormVersion], data: Any = None) -> None:
        super().__init__(data, auto_id="ask_%s")
        self.fields["version"].choices = [_named(each) for each in versions]  # type: ignore[attr-defined]


class SignatureForm(forms.Form):
    """What was signed, by whom and when. `versions` are those that can have been signed."""

    version = forms.ChoiceField(label="Which form was signed?")
    language = forms.ChoiceField(
        required=False, label="In which language?", help_text="The language of the paper."
    )
    signed_on = day(label="Date of the signature")
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
    scan = forms.FileField(
        required=False,
        max_length=200,
        label="Scan of the signed paper, if you have one",
        help_text="PDF, JPEG or PNG, up to 10 MB. It is kept encrypted.",
        widget=forms.FileInput(attrs={"accept": ".pdf,.jpg,.jpeg,.png", "class": "form-control"}),
    )
    copy_given = forms.BooleanField(
        required=False, label="The signer was given a copy (45 CFR 164.508(c)(4))"
    )
    email_copy = forms.BooleanField(
        required=False, label="Email the signed copy, as a secure message"
    )

    def __init__(
        self, versions: Iterable[FormVersion], data: Any = None, files: Any = None
    ) -> None:
        super().__init__(data, files)
        published = list(versions)
        translated = {each["language"] for row in published for each in row.translations}
        if translated:
            choices = [("", "The form's first language")]
            choices += [(code, LANGUAGES.get(code, code)) for code in sorted(translated)]
            self.fields["language"].choices = choices  # type: ignore[attr-defined]
        else:
            del self.fields["language"]
        self.fields["version"].choices = [_named(each) for each in published]  # type: ignore[attr-defined]

    def clean_scan(self) -> bytes:
        file = self.cleaned_data["scan"]
        if file is None:
            return b""
        content: bytes = file.read()
        try:
            media_type_of(content)
        except NotAScan as problem:
            raise forms.ValidationError(str(problem)) from None
        return content

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
            language=data.get("language", ""),
        )


class RevocationForm(forms.Form):
    received_on = day(
        label="When did it reach you?", help_text="Mail under it stops the moment you save this."
    )
    how = forms.ChoiceField(choices=HOW_RECEIVED, widget=forms.RadioSelect, label="How?")

    def received_at(self, zone: ZoneInfo) -> datetime:
        """The beginning of that day in the organization's zone."""
        received: date = self.cleaned_data["received_on"]
        return datetime.combine(received, time.min, tzinfo=zone)


class DisputeForm(forms.Form):
    reason = forms.ChoiceField(
        choices=DISPUTES, widget=forms.RadioSelect, label="What turned out to be wrong?"
    )
