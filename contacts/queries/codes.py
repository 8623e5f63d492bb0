"""The codes that contacts of the organization have, for finding one by what people call it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Q, Value
from django.db.models.functions import Concat

from contacts.models import CodeEntry

SHOWN = 20


def search(field: str, text: str, limit: int = SHOWN) -> list[tuple[str, str]]:
    """Codes of a field whose display has every word of the text, or that begin with it.

    Each as ("system|code", display). No text finds the first ones.
    """
    entries = CodeEntry.objects.filter(field=field)
    words = Q()
    for word in text.split():
        words &= Q(display__icontains=word)
    found = entries.filter(words | Q(code__istartswith=text.strip())) if text.strip() else entries
    return [(_key(entry), entry.display) for entry in found.order_by("display", "code")[:limit]]


def displays(keys: Collection[str]) -> dict[str, str]:
    """What people read for codes given as "system|code". Unknown ones are left out."""
    entries = CodeEntry.objects.annotate(key=Concat("system", Value("|"), "code"))
    found: Iterable[tuple[str, str]] = entries.filter(key__in=keys).values_list("key", "display")
    return dict(found)


def _key(entry: CodeEntry) -> str:
    return f"{entry.system}|{entry.code}"
