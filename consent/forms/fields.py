"""Fields that several of these forms have."""

from __future__ import annotations

from typing import Any

from django import forms


def lines(rows: int = 3) -> forms.Textarea:
    """Room for some lines of text."""
    return forms.Textarea(attrs={"rows": rows})


def day(**options: Any) -> forms.DateField:
    """A day, picked or typed."""
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(widget=widget, **options)


LANGUAGES = {
    "en": "English",
    "es": "Spanish",
    "zh": "Chinese",
    "vi": "Vietnamese",
    "ko": "Korean",
    "tl": "Tagalog",
    "ru": "Russian",
    "ht": "Haitian Creole",
    "pt": "Portuguese",
    "fr": "French",
    "pl": "Polish",
}
"""The languages that a form can be written in, by code."""
