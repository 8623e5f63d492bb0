"""Writing authorization forms, in every language, checked while somebody types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from consent import queries, services
from consent.forms.fields import LANGUAGES
from consent.forms.texts import PARTS, WORDS, FormTextForm, TranslationForm, translated
from consent.models import AuthorizationForm
from consent.rules.documentation import CHECKS
from consent.rules.findings import Finding
from consent.rules.forms import FormText
from consent.rules.reading import reading_grade
from consent.rules.starter import starter_form

LATER = {"6", "7", "15", "16"}
"""Checks of a signature: a form alone can't pass them."""


@require_GET
@organization_page(Permission.SEE_CONSENT)
def forms(request: MemberRequest) -> HttpResponseBase:
    """The forms, and what is published of each."""
    published = queries.latest_versions()
    rows = [
        (form, version, _languages_of(version) if version else [])
        for form in queries.forms()
        for version in [published.get(form.id)]
    ]
    return render(request, "consent/forms.html", {"rows": rows})


def _languages_of(version: Any) -> list[str]:
    return [LANGUAGES.get(code, code) for code in queries.languages_of(version)]


@require_http_methods(["GET", "POST"])
@organization_page(Permission.PUBLISH_FORMS)
def form_new(request: MemberRequest) -> HttpResponseBase:
    """A new form, with a text to begin from that passes every check."""
    form = FormTextForm(request.POST or None, initial=_starter(request))
    return _save_or_build(request, form, None)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.PUBLISH_FORMS)
def form(request: MemberRequest, form: UUID) -> HttpResponseBase:
    row = get_object_or_404(AuthorizationForm, id=form)
    text = FormText.from_json(row.draft)
    filled = FormTextForm(request.POST or None, initial=FormTextForm.initial_of(row.name, text))
    return _save_or_build(request, filled, row)


@require_POST
@organization_page(Permission.PUBLISH_FORMS)
def form_check(request: MemberRequest) -> HttpResponseBase:
    """The sixteen checks of the text in the builder. A fragment, asked for while typing."""
    context = _checked(request, FormTextForm(request.POST).text(), None)
    return render(request, "consent/form_findings.html", context)


@require_POST
@organization_page(Permission.PUBLISH_FORMS)
def form_recheck(request: MemberRequest, form: UUID) -> HttpResponseBase:
    """The same of a saved form, with its translations."""
    row = get_object_or_404(AuthorizationForm, id=form)
    context = _checked(request, FormTextForm(request.POST).text(), row)
    return render(request, "consent/form_findings.html", context)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.PUBLISH_FORMS)
def translation(request: MemberRequest, form: UUID, language: str) -> HttpResponseBase:
    """The words of a form in another language. What it allows is taken from the original."""
    row = get_object_or_404(AuthorizationForm, id=form)
    original = FormText.from_json(row.draft)
    if language not in LANGUAGES or language == original.language:
        raise Http404
    stored = {each["language"]: each for each in row.translations}
    known: dict[str, Any] = stored.get(language, {})
    filled = TranslationForm(original, request.POST or None, known)
    if request.method == "POST" and filled.is_valid():
        _save_translation(request, row, language, filled)
        return redirect("consent:form", request.organization.slug, form)
    text = translated(original, language, known)
    context = {
        "row": row,
        "language": language,
        "name": LANGUAGES[language],
        "pairs": [(filled[name], filled.originals[name]) for name in filled.fields],
        "known": bool(known),
        "findings": _of_words(original, text) if known else [],
        "original": original,
    } | _tabs(row)
    return render(request, "consent/translation.html", context)


def _save_translation(
    request: MemberRequest, row: AuthorizationForm, language: str, filled: TranslationForm
) -> None:
    original = FormText.from_json(row.draft)
    others = [each for each in row.translations if each["language"] != language]
    if request.POST.get("act") == "remove":
        words = f"{LANGUAGES[language]} is removed from the draft. Published versions keep it."
    else:
        others.append(translated(original, language, filled.cleaned_data).to_json())
        words = f"{LANGUAGES[language]} is saved in the draft."
    services.save_draft(row.id, row.name, row.draft, request.user.id, others)
    messages.success(request, words)


def _starter(request: MemberRequest) -> dict[str, object]:
    organization = request.organization
    text = starter_form(organization.legal_name, organization.postal_address)
    return FormTextForm.initial_of("Health and wellness offers", text)


def _save_or_build(
    request: MemberRequest, form: FormTextForm, row: AuthorizationForm | None
) -> HttpResponseBase:
    if request.method == "POST" and form.is_valid():
        problem = _why_not_saved(form, row)
        if not problem:
            return _save(request, form, row)
        form.add_error(*problem)
    return _builder(request, form, row)


def _why_not_saved(form: FormTextForm, row: AuthorizationForm | None) -> tuple[str, str] | None:
    same = AuthorizationForm.objects.filter(name=form.cleaned_data["name"]).first()
    if same is not None and (row is None or same.id != row.id):
        return "name", "There is a form of this name. Choose another."
    if form.cleaned_data["language"] in _codes(row):
        return "language", "The form has a translation into this language. Remove that first."
    return None


def _codes(row: AuthorizationForm | None) -> list[str]:
    return [each["language"] for each in row.translations] if row else []


def _translations(text: FormText, row: AuthorizationForm | None) -> list[FormText]:
    """The translations of a draft, allowing what its original does by now."""
    stored = row.translations if row else []
    return [translated(text, each["language"], each) for each in stored]


def _save(
    request: MemberRequest, form: FormTextForm, row: AuthorizationForm | None
) -> HttpResponseBase:
    text, slug = form.text(), request.organization.slug
    others = _translations(text, row)
    form_id = services.save_draft(
        row.id if row else None,
        form.cleaned_data["name"],
        text.to_json(),
        request.user.id,
        [each.to_json() for each in others],
    )
    if request.POST.get("act") != "publish":
        messages.success(request, "The draft is saved. Nobody can sign it until it is published.")
        return redirect("consent:form", slug, form_id)
    try:
        version = services.publish(form_id, text, request.user.id, others)
    except services.NotPublishable as problem:
        number = len(problem.findings)
        messages.error(request, f"Not published: {number} of the checks failed. The draft is kept.")
        return redirect("consent:form", slug, form_id)
    messages.success(request, f"Version {version.number} is published and can be signed.")
    return redirect("consent:form_version", slug, version.id)


def _builder(
    request: MemberRequest, form: FormTextForm, row: AuthorizationForm | None
) -> HttpResponseBase:
    text = form.text() if form.is_bound else FormTextForm(form.initial).text()
    context = {
        "form": form,
        "row": row,
        "parts": [(part, [form[name] for name in part.fields]) for part in PARTS],
        "versions": queries.versions(row.id) if row else [],
    }
    tabs = _tabs(row) if row else {}
    return render(request, "consent/form.html", context | tabs | _checked(request, text, row))


def _tabs(row: AuthorizationForm) -> dict[str, object]:
    """The languages there are, and those that can be added."""
    first, codes = row.draft["language"], _codes(row)
    return {
        "first": LANGUAGES.get(first, first),
        "translations": [(code, LANGUAGES.get(code, code)) for code in codes],
        "more": [each for each in LANGUAGES.items() if each[0] not in (first, *codes)],
    }


@dataclass(frozen=True)
class Check:
    """One of the sixteen as the builder shows it. `state` is passed, open or later; `problems`
    holds each finding, the page and field to correct it at, and its language, if not the first."""

    number: str
    words: str
    citation: str
    state: str
    problems: list[tuple[Finding, str, str]]


def _checked(
    request: MemberRequest, text: FormText, row: AuthorizationForm | None
) -> dict[str, object]:
    problems = [(each, f"#id_{each.field}", "") for each in services.findings_of(text)]
    for other in _translations(text, row):
        where = (request.organization.slug, row.id if row else None, other.language)
        page = reverse("consent:translation", args=where)
        for each in _of_words(text, other):
            field = each.field.replace("covers_", "")
            name = LANGUAGES.get(other.language, other.language)
            problems.append((each, f"{page}#id_{field}", name))
    return {
        "row": row,
        "problems": problems,
        "checks": [_check(*check, problems) for check in CHECKS],
        "grade": reading_grade(text.plain_text) if text.language == "en" else None,
        "limit": queries.policy().reading_grade,
    }


def _check(number: str, words: str, where: str, problems: list[tuple[Finding, str, str]]) -> Check:
    own = [each for each in problems if str(each[0].number) == number]
    state = "open" if own else "later" if number in LATER else "passed"
    return Check(number, words, f"45 CFR 164.508{where}", state, own)


def _of_words(original: FormText, other: FormText) -> list[Finding]:
    """What a translation's own words lack; the rest is the original's to correct."""
    findings = services.findings_of(original, [other])[len(services.findings_of(original)) :]
    return [each for each in findings if each.field.replace("covers_", "") in WORDS]
