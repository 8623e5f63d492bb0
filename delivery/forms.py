"""What is filled in about senders and stops."""

from __future__ import annotations

from django import forms

from delivery import mime
from delivery.models import Sender
from delivery.transports.addresses import AddressError, parse_address


class SenderForm(forms.Form):
    name = forms.CharField(
        max_length=80, help_text="Neutral: no specialty, since it shows on locked phones."
    )
    address = forms.EmailField(help_text="At a domain whose DNS you control.")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            mime.check_name(name)
        except mime.HeaderError:
            raise forms.ValidationError("Use letters, digits and spaces in one line.") from None
        return name

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        try:
            parse_address(address)
        except AddressError:
            raise forms.ValidationError("Mail can't be sent from this address.") from None
        if Sender.objects.filter(address__iexact=address).exists():
            raise forms.ValidationError("There is a sender with this address.")
        local, _, domain = address.rpartition("@")
        return f"{local}@{domain.lower()}"


_ONLY_PROVED = (
    "only if it is also proved to be the domain's server (MTA-STS, DANE or signed DNS); most small"
    " mail domains then get a link"
)


class PolicyForm(forms.Form):
    minimum_level = forms.ChoiceField(
        label="Content goes straight to a mailbox",
        widget=forms.RadioSelect,
        choices=[
            ("L2", "if its mail server identifies itself and encrypts"),
            ("L3", _ONLY_PROVED),
        ],
    )
    give_up_after_hours = forms.IntegerField(
        label="Hours after which a mail server that does not answer is given up",
        min_value=1,
        max_value=120,
        help_text="Usually 48. At most 120: five days.",
    )


class StopForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        label="Why?",
        help_text="It stays with the stop, for whoever asks later. Name no patient.",
        error_messages={"required": "Say why. It stays with the stop."},
    )
    also_earlier = forms.BooleanField(
        required=False, label="Also withdraw what earlier campaigns left in the portal"
    )
