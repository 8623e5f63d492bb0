from __future__ import annotations

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from campaigns.services import void_approvals_of_segment
        from contacts.services.segments import on_segment_changed

        on_segment_changed(void_approvals_of_segment)
