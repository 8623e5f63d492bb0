"""Addresses to leave alone."""

from __future__ import annotations

from typing import Any

from django import forms

from consent.forms.fields import lines
from consent.rules.decision import SuppressionReason, SuppressionScope
from contacts.rules.email import EmailAddress, EmailProblem

SCOPES = {
    SuppressionScope.ALL: "All email",
    SuppressionScope.MARKETING: "Promotional email",
    SuppressionScope.FUNDRAISING: "Fundraising",
}
REASONS = {
    SuppressionReason.UNSUBSCRIBED: "Unsubscribed",
    SuppressionReason.COMPLAINED: "Reported a message as spam",
    SuppressionReason.BOUNCED: "Mail came back",
    SuppressionReason.DO_NOT_CONTACT: "Asked not to be contacted",
    SuppressionReason.HOUSEHOLD: "Others read the mailbox",
}
BY_STAFF = (SuppressionReason.DO_NOT_CONTACT, SuppressionReason.HOUSEHOLD)
SOURCES = {
    "link": "a link in a mail",
    "one_click": "the mail program's button",
    "page": "the page of preferences",
    "bounce": "a mail server",
    "staff": "a colleague",
    "list": "an imported list",
    "merge": "another record of the same person",
}


class AddressForm(forms.Form):
    address = forms.CharField(
        label="Email address",
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
    )

    def clean_address(self) -> str:
        try:
            return str(EmailAddress.parse(self.cleaned_data["address"]))
        except EmailProblem as problem:
            raise forms.ValidationError(f"{str(problem).capitalize()}.") from None


class _HowForm(forms.Form):
    scope = forms.ChoiceField(
        choices=[(each.value, words) for each, words in SCOPES.items()], label="What to stop"
    )
    reason = forms.ChoiceField(
        choices=[(each.value, REASONS[each]) for each in BY_STAFF], label="Why"
    )

    def scope_and_reason(self) -> tuple[SuppressionScope, SuppressionReason]:
        """Of a valid form."""
        data = self.cleaned_data
        return SuppressionScope(data["scope"]), SuppressionReason(data["reason"])


class AddForm(AddressForm, _HowForm):
    field_order = ("address", "scope", "reason")


class ListForm(_HowForm):
    """A file, or pasted text."""

    file = forms.FileField(
        required=False,
        max_length=200,
        label="File",
        help_text="CSV, text or Excel (.xlsx), up to 10 MB and 100,000 addresses.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx", "class": "form-control"}),
    )
    pasted = forms.CharField(
        required=False, label="Or paste addresses, one in a line", widget=lines(6)
    )
    field_order = ("file", "pasted", "scope", "reason")

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not data.get("file") and not data.get("pasted", "").strip():
            self.add_error("file", "Choose a file, or paste addresses.")
        return data

    def content(self) -> bytes:
        """Of a valid form."""
        file = self.cleaned_data["file"]
        content: bytes = file.read() if file else self.cleaned_data["pasted"].encode()
        return content
