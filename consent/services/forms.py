"""Writing and publishing authorization forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from audit import services as audit
from consent import queries
from consent.models import AuthorizationForm, FormVersion
from consent.rules.findings import Finding
from consent.rules.forms import FormText, check_form, check_translation, form_digest


class NotPublishable(Exception):
    """The form lacks something that the law demands. `findings` say what, with the paragraph."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


def save_draft(
    form_id: UUID | None,
    name: str,
    text: Mapping[str, Any],
    by: UUID,
    translations: Sequence[Mapping[str, Any]] = (),
) -> UUID:
    """Keep the text being worked on, complete or not, and its translations."""
    kept = [dict(each) for each in translations]
    if form_id is None:
        form = AuthorizationForm.objects.create(
            name=name, draft=dict(text), translations=kept, created_by=by
        )
    else:
        form = AuthorizationForm.objects.select_for_update().get(id=form_id)
        form.name, form.draft, form.translations = name, dict(text), kept
        form.save(update_fields=["name", "draft", "translations"])
    audit.record("form_saved", object_type="authorization_form", object_id=form.id)
    saved: UUID = form.id
    return saved


def publish(
    form_id: UUID, text: FormText, by: UUID, translations: Sequence[FormText] = ()
) -> FormVersion:
    """Publish a version that can be signed and never changes. Raises `NotPublishable`."""
    findings = findings_of(text, translations)
    if findings:
        raise NotPublishable(findings)
    form = AuthorizationForm.objects.select_for_update().get(id=form_id)
    last = FormVersion.objects.filter(form=form).order_by("-number").first()
    original, others = text.to_json(), [each.to_json() for each in translations]
    version: FormVersion = FormVersion.objects.create(
        form=form,
        number=last.number + 1 if last else 1,
        text=original,
        translations=others,
        digest=form_digest(original, others),
        published_by=by,
    )
    audit.record(
        "form_published",
        object_type="form_version",
        object_id=version.id,
        digest=version.digest,
    )
    return version


def findings_of(text: FormText, translations: Sequence[FormText] = ()) -> list[Finding]:
    """What keeps a form from being published here: the checks of a form, at this organization's
    reading grade, in every language, and what the state packs in force ask for."""
    name, grade = queries.organization().legal_name, queries.policy().reading_grade
    findings = check_form(text, name, grade)
    for pack in queries.packs():
        findings += pack.form_findings(text)
    for each in translations:
        findings += [*check_form(each, name, grade), *check_translation(each, text)]
    return findings
