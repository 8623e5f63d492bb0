from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.apps import AppConfig
from django.utils import timezone


class ConsentConfig(AppConfig):
    name = "consent"

    def ready(self) -> None:
        from consent import queries
        from consent.rules.purposes import Purpose
        from contacts.conditions import register_facts

        def live(ids: Collection[UUID], purposes: Collection[str]) -> Mapping[UUID, set[str]]:
            return queries.live_purposes(ids, purposes, timezone.now())

        register_facts("consent", live, [(purpose.value, purpose.label) for purpose in Purpose])
