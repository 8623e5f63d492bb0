from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.apps import AppConfig
from django.utils import timezone

from contacts.rules.fields import Field


class ConsentConfig(AppConfig):
    name = "consent"

    def ready(self) -> None:
        from consent import models, queries, services
        from consent.rules.purposes import Purpose
        from contacts.conditions import register_facts
        from contacts.reach import register_reach
        from contacts.timeline import register_timeline
        from contacts.vetoes import veto_deletion, veto_erasure, veto_merging
        from tenancy.models import KeyUse
        from tenancy.rotation import Sealed, register_rotation, register_sealed
        from tenancy.walks import Walker, register_walk

        def live(ids: Collection[UUID], purposes: Collection[str]) -> Mapping[UUID, set[str]]:
            return queries.live_purposes(ids, purposes, timezone.now())

        register_facts("consent", live, [(purpose.value, purpose.label) for purpose in Purpose])

        def reach(ids: Collection[UUID], purpose: str, fields: Collection[Field]) -> int:
            return queries.reachable(ids, purpose, fields, timezone.now())

        register_reach(reach)
        register_timeline(queries.timeline)

        def suppressions(_subject: str) -> int:
            return int(models.Suppression.objects.count())

        for veto in (veto_deletion, veto_merging):
            veto(queries.authorizations_to_keep)
        veto_erasure(lambda ids: queries.authorizations_in_retention(ids, timezone.now()))
        authorization = KeyUse.AUTHORIZATION
        register_sealed(
            Sealed("consent_authorization", "sealed", authorization, "consent_authorization"),
            Sealed("consent_suppression", "sealed_address", authorization, "consent_suppression"),
        )
        add, drop = "consent.add_tokens", "consent.drop_tokens"
        register_walk(add, Walker(suppressions, services.add_suppression_tokens))
        register_walk(drop, Walker(suppressions, services.drop_suppression_tokens))
        register_rotation(KeyUse.INDEX, add, rank=10)
        register_rotation(KeyUse.INDEX, drop, rank=30)
