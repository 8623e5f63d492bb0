from __future__ import annotations

from django import forms


class CodeForm(forms.Form):
    """Six digits from an app, or a recovery code."""

    code = forms.CharField(
        label="Code",
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autofocus": True,
                "class": "form-control form-control-lg text-center",
                "spellcheck": "false",
            }
        ),
    )

    def clean_code(self) -> str:
        return "".join(str(self.cleaned_data["code"]).split())
