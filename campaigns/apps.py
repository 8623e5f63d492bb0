from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.apps import AppConfig
from django.utils import timezone


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from campaigns import queries
        from campaigns.services import void_approvals_of_segment
        from contacts.conditions import register_facts
        from contacts.services.segments import on_segment_changed
        from contacts.timeline import register_timeline
        from contacts.usage import register_field_usage, register_usage
        from delivery.queries import engaged
        from delivery.usage import register_names
        from tenancy.models import KeyUse
        from tenancy.rotation import Sealed, register_sealed

        def did(ids: Collection[UUID], subjects: Collection[str]) -> Mapping[UUID, set[str]]:
            return engaged(ids, subjects, timezone.now())

        on_segment_changed(void_approvals_of_segment)
        register_facts("engagement", did, queries.sent_campaigns)
        register_usage(queries.campaigns_by_segment)
        register_field_usage(queries.uses_of_field)
        register_timeline(queries.timeline)
        register_names(queries.pages)
        register_sealed(
            Sealed("campaigns_campaign", "sealed_content", KeyUse.MESSAGE, queries.CONTENT),
            Sealed("campaigns_campaign", "sealed_tree", KeyUse.MESSAGE, queries.TREE),
            Sealed("campaigns_campaign", "sealed_decided", KeyUse.MESSAGE, queries.DECIDED),
        )
