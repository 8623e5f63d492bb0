"""Querysets that refuse to run without an organization."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from django.db.models.sql.compiler import SQLCompiler

from tenancy.current import current_organization_id

Row = TypeVar("Row", bound=models.Model, covariant=True)


class TenantQuery(models.sql.Query):
    """Raises `NoOrganization` when compiled outside `acting_for`.

    Compilation is the last step that every read shares, lazily evaluated ones included. Update,
    delete and insert go through the manager, which asks too.
    """

    def get_compiler(self, *args: Any, **kwargs: Any) -> SQLCompiler:
        current_organization_id()
        compiler: SQLCompiler = super().get_compiler(*args, **kwargs)
        return compiler


class TenantQuerySet(models.QuerySet[Row]):
    def __init__(
        self,
        model: type[Row] | None = None,
        query: models.sql.Query | None = None,
        using: str | None = None,
        hints: dict[str, models.Model] | None = None,
    ) -> None:
        super().__init__(model, query or TenantQuery(model), using, hints)


class TenantManager(models.Manager[Row]):
    def get_queryset(self) -> TenantQuerySet[Row]:
        current_organization_id()
        return TenantQuerySet(self.model, using=self._db)
