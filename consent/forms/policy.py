"""What an organization decides for all of its mail."""

from __future__ import annotations

from django import forms

from consent.models import ConsentPolicy
from consent.services import Policy


class PolicyForm(forms.Form):
    confirm_addresses = forms.BooleanField(
        required=False,
        label="Promotional mail waits until the patient has confirmed the address",
        help_text="People are asked by a mail with a link. Others get no promotional mail.",
    )
    fundraising_in_notice = forms.BooleanField(
        required=False,
        label="Our notice of privacy practices mentions fundraising",
        help_text="Without it, appeals wait for the privacy officer (45 CFR 164.514(f)(2)(i)).",
    )
    reading_grade = forms.FloatField(
        min_value=4,
        max_value=12,
        label="Hardest reading grade of a form",
        help_text="Years of school needed to follow it, 4 to 12. 8 is usual.",
    )
    renew_before_days = forms.IntegerField(
        min_value=0,
        max_value=365,
        label="Ask patients to renew so many days before an authorization ends",
        help_text="0: nobody is asked.",
    )

    @staticmethod
    def initial_of(row: ConsentPolicy) -> dict[str, object]:
        return {name: getattr(row, name) for name in PolicyForm.base_fields}

    def policy(self) -> Policy:
        """Of a valid form."""
        return Policy(**self.cleaned_data)
