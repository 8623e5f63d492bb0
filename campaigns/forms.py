"""What an author fills in."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms

from campaigns import rules
from campaigns.models import Template
from consent.forms.fields import day
from consent.models import Topic
from consent.rules.decision import RulingOutcome
from consent.rules.purposes import Answer, Purpose, Remuneration
from contacts import queries as contacts
from contacts.models import Segment
from contacts.rules.fields import FieldType
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
UNKNOWN = "I don't know yet"
REMUNERATION = [
    (Remuneration.NONE.value, "No, nobody"),
    (Remuneration.PAID.value, "Yes, somebody pays us money, directly or through others"),
    (Remuneration.IN_KIND.value, "No money, but somebody gives us goods, staff or other things"),
    (Remuneration.UNKNOWN.value, UNKNOWN),
]
YES_NO = [(Answer.NO.value, "No"), (Answer.YES.value, "Yes"), (Answer.UNKNOWN.value, UNKNOWN)]
BENEFIT = [
    (Answer.NO.value, "Our own organization"),
    (Answer.YES.value, "Somebody else"),
    (Answer.UNKNOWN.value, UNKNOWN),
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


def _radio(name: str, choices: list[tuple[str, str]], help_text: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=choices,
        widget=forms.RadioSelect,
        required=False,
        label=rules.QUESTIONS[name],
        help_text=help_text,
    )


def _amount(name: str, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        min_value=0,
        max_digits=12,
        decimal_places=2,
        required=False,
        label=f"{rules.QUESTIONS[name]} (dollars)",
        help_text=help_text,
    )


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
    topic: forms.ModelChoiceField[Topic] = forms.ModelChoiceField(
        queryset=None,
        required=False,
        label="Which topic is it?",
        empty_label="None",
        help_text="Patients can decline a topic and still get the others.",
    )
    purpose = forms.ChoiceField(
        choices=[("", "Choose what it is about"), *PURPOSES.items()],
        label=rules.QUESTIONS["purpose"],
        help_text="Decides whether patients must have signed an authorization.",
    )
    refill_field = forms.ChoiceField(
        required=False,
        label=rules.QUESTIONS["refill_field"],
        help_text="Up to 90 days after that date it is a reminder; later it is marketing.",
    )
    for_others = _radio("for_others", BENEFIT)
    remuneration = _radio(
        "remuneration",
        REMUNERATION,
        "Anything from, or for, whoever's product or service the message describes.",
    )
    sponsor = forms.CharField(max_length=120, required=False, label=rules.QUESTIONS["sponsor"])
    payment = _amount("payment")
    cost = _amount("cost", "Staff, postage, software, overhead. A reminder may earn no more.")
    gives_away = _radio(
        "gives_away", YES_NO, "For money or anything else of value: that would be a sale."
    )
    features = _radio(
        "features", YES_NO, "A story, a quotation, a picture: it needs that patient's signature."
    )
    last_day = day(
        required=False,
        label="Is there a last day to send it?",
        help_text="What could not be sent by the end of that day is not sent any more.",
    )
    tracking = forms.BooleanField(
        required=False,
        label="Record opens and clicks",
        help_text="For counting in the report. Off means that the mail has nothing to measure.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, model in (("segment", Segment), ("template", Template), ("sender", Sender)):
            self.fields[name].queryset = model.objects.order_by("name")  # type: ignore[attr-defined]
        self.fields["topic"].queryset = Topic.objects.filter(retired_at=None)  # type: ignore[attr-defined]
        dates = [each for each in contacts.fields() if each.type is FieldType.DATE]
        choices = [("", "Choose a date"), *((each.key, each.label) for each in dates)]
        self.fields["refill_field"].choices = choices  # type: ignore[attr-defined]

    def clean_last_day(self) -> date | None:
        chosen: date | None = self.cleaned_data["last_day"]
        if chosen is not None and chosen < contacts.today():
            raise forms.ValidationError("That day is over. Choose another, or none.")
        return chosen

    def clean(self) -> dict[str, Any]:
        """Answers that another answer makes pointless are dropped; open ones keep until the
        campaign is submitted."""
        data: dict[str, Any] = super().clean() or {}
        gives = data.get("remuneration") in (Remuneration.PAID.value, Remuneration.IN_KIND.value)
        if gives and not data.get("sponsor", "").strip():
            self.add_error("sponsor", "Name who it is: an authorization must cover it.")
        if not gives:
            data["sponsor"] = ""
        refill = data.get("purpose") == Purpose.REFILL_REMINDER.value
        if not (refill and data.get("remuneration") == Remuneration.PAID.value):
            data["payment"] = data["cost"] = None
        if not refill:
            data["refill_field"] = ""
        if data.get("purpose") != Purpose.FUNDRAISING.value:
            data["for_others"] = Answer.NO.value
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


class RulingForm(forms.Form):
    """A privacy officer's word on what a rule holds."""

    digest = forms.CharField(widget=forms.HiddenInput)
    rule = forms.CharField(widget=forms.HiddenInput)
    outcome = forms.ChoiceField(
        choices=[
            (RulingOutcome.ALLOW.value, "It may go: the rest of the table decides"),
            (RulingOutcome.AUTHORIZED_ONLY.value, "Only to people with a signed authorization"),
            (RulingOutcome.REFUSE.value, "It may not go"),
        ],
        widget=forms.RadioSelect,
        label="Your ruling",
    )
    reason = forms.CharField(
        max_length=500,
        label="Why",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="It stays with every message that goes out under it.",
        error_messages={"required": "Say why."},
    )
