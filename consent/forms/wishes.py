"""What patients ask for on paper or at the desk, and the topics they may decline."""

from __future__ import annotations

from django import forms

from consent.forms.fields import day, lines
from consent.forms.texts import PURPOSES
from consent.rules.purposes import Purpose


class RestrictionForm(forms.Form):
    everything = forms.BooleanField(required=False, label="All messages")
    purposes = forms.MultipleChoiceField(
        choices=PURPOSES,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Or messages about",
    )
    received_on = day(label="When did it reach you?")
    note = forms.CharField(
        required=False,
        max_length=2000,
        widget=lines(),
        label="What the patient asked, in words",
        help_text="Kept encrypted.",
    )

    def wanted(self) -> list[Purpose]:
        """Of a valid form."""
        if self.cleaned_data["everything"]:
            return list(Purpose)
        return [Purpose(each) for each in self.cleaned_data["purposes"]]


class PlainMailForm(forms.Form):
    channel = forms.ChoiceField(
        choices=[("paper", "On paper"), ("in_person", "In person")],
        widget=forms.RadioSelect,
        initial="paper",
        label="How did the patient say so?",
    )
    read = forms.BooleanField(label="The patient read this warning, or it was read out")


class TopicForm(forms.Form):
    name = forms.CharField(
        max_length=60, label="Name", help_text="Patients read it. Don't name a diagnosis."
    )
    name_es = forms.CharField(max_length=60, required=False, label="Name in Spanish")
