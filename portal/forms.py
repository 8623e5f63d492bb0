"""What a patient types in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django import forms

from consent.rules.authorization import Signer
from portal.rules import OFTEN, PAUSES


class BirthDateForm(forms.Form):
    """The date of birth in three fields: 06/07 has two readings."""

    month = forms.IntegerField(min_value=1, max_value=12)
    day = forms.IntegerField(min_value=1, max_value=31)
    year = forms.IntegerField(min_value=1850, max_value=2150)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if not {"month", "day", "year"} & self.errors.keys():
            try:
                values["birth_date"] = date(values["year"], values["month"], values["day"])
            except ValueError:
                self.add_error("day", "There is no such date.")
        return values


class OpenForm(BirthDateForm):
    """The code out of the mail, and the date of birth."""

    code = forms.RegexField(r"^\d{6}$", strip=True)

    def __init__(self, data: Any = None) -> None:
        if data is not None:
            data = data.copy()
            data["code"] = "".join(data.get("code", "").split())
        super().__init__(data)


class SignForm(forms.Form):
    """A signature: who, the typed name and the explicit act, by somebody who was recognized."""

    text_digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    signer = forms.ChoiceField(choices=[(each.value, each.value) for each in Signer])
    authority = forms.CharField(max_length=200, required=False)
    name = forms.CharField(max_length=200)
    read = forms.BooleanField()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("signer") == Signer.SELF:
            values["authority"] = ""
        elif values.get("signer") and not values.get("authority"):
            self.add_error("authority", "Say what gives you the authority.")
        return values


class PreferencesForm(forms.Form):
    """What somebody wants to get. A pause is in months from today; blank keeps what is."""

    marketing = forms.BooleanField(required=False)
    fundraising = forms.BooleanField(required=False)
    track = forms.BooleanField(required=False)
    topics = forms.MultipleChoiceField(required=False)
    often = forms.TypedChoiceField(
        choices=[("", ""), *((str(each), "") for each in OFTEN)],
        required=False,
        coerce=int,
        empty_value=None,
    )
    pause = forms.TypedChoiceField(
        choices=[("", ""), ("0", ""), *((str(each), "") for each in PAUSES)],
        required=False,
        coerce=int,
        empty_value=None,
    )

    def __init__(self, topics: Iterable[UUID], data: Any = None) -> None:
        super().__init__(data)
        choices = [(str(each), "") for each in topics]
        self.fields["topics"].choices = choices  # type: ignore[attr-defined]
