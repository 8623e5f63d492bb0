"""Published forms, in every language, to read and to print."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from consent import queries
from consent.forms.fields import LANGUAGES
from consent.models import FormVersion
from consent.rules.forms import FormText
from consent.rules.shown import parts


@require_GET
@organization_page(Permission.SEE_CONSENT)
def form_version(request: MemberRequest, version: UUID) -> HttpResponseBase:
    """A published text, as it was signed."""
    row = get_object_or_404(FormVersion.objects.select_related("form"), id=version)
    texts = _texts(row)
    first = texts[0]
    context = {
        "version": row,
        "text": first,
        "languages": [
            (LANGUAGES.get(text.language, text.language), text, parts(text)) for text in texts
        ],
        "purposes": sorted(each.label for each in first.purposes),
        "categories": sorted(each.label for each in first.categories),
        "who": accounts.names({row.published_by}).get(row.published_by, ""),
        "versions": queries.versions(row.form_id),
    }
    return render(request, "consent/form_version.html", context)


@require_GET
@organization_page(Permission.SEE_CONSENT)
def form_print(request: MemberRequest, version: UUID, language: str) -> HttpResponseBase:
    """A published text for paper, with room to sign."""
    row = get_object_or_404(FormVersion.objects.select_related("form"), id=version)
    text = next((each for each in _texts(row) if each.language == language), None)
    if text is None:
        raise Http404
    context = {"version": row, "text": text, "parts": parts(text)}
    return render(request, "consent/form_print.html", context)


def _texts(row: FormVersion) -> list[FormText]:
    return [FormText.from_json(each) for each in (row.text, *row.translations)]
