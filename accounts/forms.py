from __future__ import annotations

from typing import Any

from allauth.account.forms import ResetPasswordForm
from django import forms
from django.http import HttpRequest

from accounts.models import User
from accounts.rules import Role, may_manage


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


class ColleagueForm(forms.Form):
    """Whom to add to the staff. `actor` is the role of the person who adds."""

    name = forms.CharField(label="Name", max_length=120)
    email = forms.EmailField(label="Work email", max_length=254)
    role = forms.ChoiceField(label="Role", help_text="It decides what they see and may do.")

    def __init__(self, actor: Role, data: Any = None) -> None:
        super().__init__(data)
        given = [(role.value, role.label) for role in Role if may_manage(actor, role)]
        self.fields["role"].choices = [("", "Choose a role"), *given]  # type: ignore[attr-defined]


def mail_password_link(request: HttpRequest, user: User) -> None:
    """Mail somebody allauth's link for choosing a password. Raises `OSError` if it does not go."""
    form = ResetPasswordForm({"email": user.email})
    form.full_clean()
    form.save(request)
