"""Authorization forms and their published versions."""

from __future__ import annotations

from uuid import UUID

from consent import models


def forms() -> list[models.AuthorizationForm]:
    return list(models.AuthorizationForm.objects.order_by("name"))


def versions(form_id: UUID | None = None) -> list[models.FormVersion]:
    """Published versions, newest first."""
    rows = models.FormVersion.objects.select_related("form").order_by("-published_at")
    return list(rows.filter(form_id=form_id) if form_id else rows)


def latest_versions() -> dict[UUID, models.FormVersion]:
    """The newest published version of each form, by the form's id."""
    return {version.form_id: version for version in reversed(versions())}
