"""Pages for authorization forms and for what patients signed."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from consent import queries, services
from consent.forms import PARTS, FormTextForm, RevocationForm, SignatureForm
from consent.models import Authorization, AuthorizationForm, FormVersion
from consent.rules.findings import Finding
from consent.rules.forms import FormText, check_form
from consent.rules.reading import reading_grade
from consent.rules.starter import starter_form
from contacts import queries as contacts
from contacts import services as contact_services
from contacts.rules.masking import masked_name


@require_GET
@organization_page(Permission.SEE_CONSENT)
def forms(request: MemberRequest) -> HttpResponseBase:
    """The forms, and what is published of each."""
    published = queries.latest_versions()
    rows = [(form, published.get(form.id)) for form in queries.forms()]
    return render(request, "consent/forms.html", {"rows": rows})


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
    """What is still missing from the text in the builder. A fragment, asked for while typing."""
    context = _checked(request, FormTextForm(request.POST).text())
    return render(request, "consent/form_findings.html", context)


@require_GET
@organization_page(Permission.SEE_CONSENT)
def form_version(request: MemberRequest, version: UUID) -> HttpResponseBase:
    """A published text, as it was signed."""
    row = get_object_or_404(FormVersion.objects.select_related("form"), id=version)
    text = FormText.from_json(row.text)
    context = {
        "version": row,
        "text": text,
        "purposes": sorted(each.label for each in text.purposes),
        "categories": sorted(each.label for each in text.categories),
        "who": accounts.names({row.published_by}).get(row.published_by, ""),
        "versions": queries.versions(row.form_id),
    }
    return render(request, "consent/form_version.html", context)


def _starter(request: MemberRequest) -> dict[str, object]:
    organization = request.organization
    text = starter_form(organization.legal_name, organization.postal_address)
    return FormTextForm.initial_of("Health and wellness offers", text)


def _save_or_build(
    request: MemberRequest, form: FormTextForm, row: AuthorizationForm | None
) -> HttpResponseBase:
    if request.method == "POST" and form.is_valid():
        if _name_taken(form.cleaned_data["name"], row):
            form.add_error("name", "There is a form of this name. Choose another.")
        else:
            return _save(request, form, row)
    return _builder(request, form, row)


def _name_taken(name: str, row: AuthorizationForm | None) -> bool:
    same = AuthorizationForm.objects.filter(name=name).first()
    return same is not None and (row is None or same.id != row.id)


def _save(
    request: MemberRequest, form: FormTextForm, row: AuthorizationForm | None
) -> HttpResponseBase:
    text, slug = form.text(), request.organization.slug
    form_id = services.save_draft(
        row.id if row else None, form.cleaned_data["name"], text.to_json(), request.user.id
    )
    if request.POST.get("act") != "publish":
        messages.success(request, "The draft is saved. Nobody can sign it until it is published.")
        return redirect("consent:form", slug, form_id)
    try:
        version = services.publish(form_id, text, request.user.id)
    except services.NotPublishable as problem:
        number = len(problem.findings)
        messages.error(request, f"Not published: {number} of the checks failed. The draft is kept.")
        return redirect("consent:form", slug, form_id)
    messages.success(request, f"Version {version.number} is published and can be signed.")
    return redirect("consent:form_version", slug, version.id)


def _builder(
    request: MemberRequest, form: FormTextForm, row: AuthorizationForm | None
) -> HttpResponseBase:
    text = form.text() if form.is_bound else _initial_text(form)
    context = {
        "form": form,
        "row": row,
        "parts": [(part, [form[name] for name in part.fields]) for part in PARTS],
        "versions": queries.versions(row.id) if row else [],
    }
    return render(request, "consent/form.html", context | _checked(request, text))


def _initial_text(form: FormTextForm) -> FormText:
    return FormTextForm(form.initial).text()


def _checked(request: MemberRequest, text: FormText) -> dict[str, object]:
    findings: list[Finding] = check_form(text, request.organization.legal_name)
    return {"findings": findings, "grade": reading_grade(text.plain_text)}


@require_http_methods(["GET", "POST"])
@organization_page(Permission.RECORD_CONSENT)
def record(request: MemberRequest, contact: UUID) -> HttpResponseBase:
    """One patient's authorizations, and room for another one. Looking is logged."""
    person = contacts.opened([contact]).get(contact)
    if person is None:
        raise Http404
    versions = queries.versions()
    form = SignatureForm(versions, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.record_authorization(form.signature(contact), request.user.id)
        except services.NotRecordable as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, "The authorization is recorded.")
            if not form.cleaned_data["copy_given"]:
                messages.warning(
                    request, "It allows no mail until you note that the signer has a copy."
                )
            return redirect("consent:record", request.organization.slug, contact)
    contact_services.record_view(contact)
    context = {
        "form": form,
        "versions": versions,
        "contact": contact,
        "name": masked_name(person.profile),
        "standings": queries.standings(contact, timezone.now()),
    }
    return render(request, "consent/record.html", context)


@require_POST
@organization_page(Permission.RECORD_CONSENT)
def copy_given(request: MemberRequest, authorization: UUID) -> HttpResponseBase:
    """Note that the signer has a copy."""
    row = get_object_or_404(Authorization, id=authorization)
    services.give_copy(row.id)
    messages.success(request, "Noted: the signer has a copy.")
    return redirect("consent:record", request.organization.slug, row.contact_id)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.RECORD_CONSENT)
def revoke(request: MemberRequest, authorization: UUID) -> HttpResponseBase:
    """End an authorization. The page says that nobody can undo it."""
    row = get_object_or_404(Authorization.objects.select_related("version__form"), id=authorization)
    zone = ZoneInfo(request.organization.time_zone)
    today = timezone.now().astimezone(zone).date()
    form = RevocationForm(request.POST or None, initial={"received_on": today})
    if request.method == "POST" and form.is_valid():
        try:
            services.revoke(
                row.id, form.received_at(zone), form.cleaned_data["how"], request.user.id
            )
        except services.NotRecordable as problem:
            form.add_error("received_on", str(problem))
        else:
            messages.success(request, "The authorization is revoked. No mail goes out under it.")
            return redirect("consent:record", request.organization.slug, row.contact_id)
    return render(request, "consent/revoke.html", {"form": form, "row": row})
