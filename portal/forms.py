"""What a patient types in."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms


class OpenForm(forms.Form):
    """The code out of the mail, and the date of birth in three fields: 06/07 has two readings."""

    code = forms.RegexField(r"^\d{6}$", strip=True)
    month = forms.IntegerField(min_value=1, max_value=12)
    day = forms.IntegerField(min_value=1, max_value=31)
    year = forms.IntegerField(min_value=1850, max_value=2150)

    def __init__(self, data: Any = None) -> None:
        if data is not None:
            data = data.copy()
            data["code"] = "".join(data.get("code", "").split())
        super().__init__(data)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                values["birth_date"] = date(values["year"], values["month"], values["day"])
            except ValueError:
                self.add_error("day", "There is no such date.")
        return values
