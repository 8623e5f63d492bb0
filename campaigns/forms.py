"""What an author fills in."""

from __future__ import annotations

from typing import Any

from django import forms

from campaigns.models import Template
from consent.rules.purposes import Purpose, Remuneration
from contacts.models import Segment
from delivery import mime
from delivery.models import Sender

PURPOSES = {
    Purpose.APPOINTMENT.value: "Appointments, bills or results",
    Purpose.TREATMENT_REMINDER.value: "A reminder about the patient's treatment",
    Purpose.REFILL_REMINDER.value: "A reminder about a medicine the patient takes",
    Purpose.CARE_COORDINATION.value: "Coordination of the patient's care",
    Purpose.OWN_HEALTH_SERVICE.value: "One of our own health services",
    Purpose.PLAN_BENEFIT.value: "A benefit of the patient's health plan",
    Purpose.GENERAL_WELLNESS.value: "General health, no product or service",
    Purpose.THIRD_PARTY_PRODUCT.value: "A product or service of another company",
    Purpose.MARKETING.value: "A wellness program or another offer",
    Purpose.FUNDRAISING.value: "Our fundraising",
}
REMUNERATION = [
    (Remuneration.NONE.value, "Nobody pays us for this message"),
    (Remuneration.COST_ONLY.value, "Somebody pays no more than what it costs to send"),
    (Remuneration.PAID.value, "Somebody pays us for this message"),
    (Remuneration.UNKNOWN.value, "I don't know yet"),
]


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg] # not generic at run time
    class Meta:
        model = Template
        fields = ["name", "subject", "preheader", "html"]
        labels = {"html": "Message (HTML)", "preheader": "Preview line"}
        help_texts = {
            "name": "For your colleagues; patients don't see it.",
            "subject": "Seen on locked phones: it can't hold anything personal.",
            "preheader": "The grey text after the subject in an inbox. Nothing personal either.",
        }
        widgets = {
            "html": forms.Textarea(
                attrs={"rows": 22, "class": "form-control source", "spellcheck": "false"}
            )
        }


class CampaignForm(forms.Form):
    """The querysets are those of the organization in force."""

    name = forms.CharField(max_length=120, help_text="For your colleagues; patients don't see it.")
    segment: forms.ModelChoiceField[Segment] = forms.ModelChoiceField(
        queryset=None, label="Who should get it?", empty_label="Choose a segment"
    )
    template: forms.ModelChoiceField[Template] = forms.ModelChoiceField(
        queryset=None, label="What should they get?", empty_label="Choose a template"
    )
    sender: forms.ModelChoiceField[Sender] = forms.ModelChoiceField(
        queryset=None, label="From whom?", empty_label="Choose a sender"
    )
    purpose = forms.ChoiceField(
        choices=[("", "Choose what it is about"), *PURPOSES.items()],
        label="What is it about?",
        help_text="Decides whether patients must have signed an authorization.",
    )
    remuneration = forms.ChoiceField(
        choices=REMUNERATION,
        label="Does anybody pay for it?",
        widget=forms.RadioSelect,
        help_text="Money from, or for, whoever's product or service the message describes.",
    )
    sponsor = forms.CharField(max_length=120, required=False, label="If so, who pays?")
    tracking = forms.BooleanField(
        required=False,
        label="Record opens and clicks",
        help_text="For counting in the report. Off means that the mail has nothing to measure.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, model in (("segment", Segment), ("template", Template), ("sender", Sender)):
            self.fields[name].queryset = model.objects.order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        paid = data.get("remuneration") in (
            Remuneration.PAID.value,
            Remuneration.COST_ONLY.value,
        )
        if paid and not data.get("sponsor", "").strip():
            self.add_error("sponsor", "Name who pays: the authorization must cover it.")
        if not paid:
            data["sponsor"] = ""
        return data


class DecisionForm(forms.Form):
    digest = forms.CharField(widget=forms.HiddenInput)
    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("return", "Return")])
    comment = forms.CharField(
        required=False,
        max_length=500,
        label="Comment",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Needed when you return it: say what should change.",
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("decision") == "return" and not data.get("comment", "").strip():
            self.add_error("comment", "Say what should change.")
        return data


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
        if Sender.objects.filter(address__iexact=address).exists():
            raise forms.ValidationError("There is a sender with this address.")
        return address
