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
        from consent.services import reindexing
        from contacts import queries as contacts
        from contacts import services as contact_services
        from contacts.conditions import register_facts
        from contacts.reach import register_reach
        from contacts.timeline import register_timeline
        from contacts.vetoes import (
            Eraser,
            on_erasure,
            on_merging,
            veto_deletion,
            veto_erasure,
            veto_merging,
        )
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

        def everybody(_subject: str) -> int:
            return contacts.total()

        def suppressions(_subject: str) -> int:
            return int(models.Suppression.objects.count())

        def many_opened(user: UUID) -> None:
            services.raise_alert("many_opened", "user", user)

        for veto in (veto_deletion, veto_merging):
            veto(queries.authorizations_to_keep)
            veto(queries.keeps_wishes)
        on_erasure(
            Eraser(
                services.erase_wishes,
                goes="what they were asked to sign, confirmed, or wanted of emails",
                stays="that they asked to be left out of uses, without their words",
            )
        )
        on_merging(services.keep_wishes_of_address)
        contact_services.on_many_opened(many_opened)
        veto_erasure(lambda ids: queries.authorizations_in_retention(ids, timezone.now()))
        authorization = KeyUse.AUTHORIZATION
        register_sealed(
            Sealed("consent_authorization", "sealed", authorization, "consent_authorization"),
            Sealed("consent_suppression", "sealed_address", authorization, "consent_suppression"),
            Sealed(
                "consent_addressconfirmation",
                "sealed_address",
                authorization,
                "consent_addressconfirmation",
            ),
            Sealed("consent_restriction", "sealed_note", authorization, "consent_restriction"),
            Sealed("consent_scan", "sealed", authorization, "consent_scan", at_once=10),
        )
        register_walk("consent.confirm", Walker(everybody, services.ask_next_to_confirm))
        add, drop = "consent.add_tokens", "consent.drop_tokens"
        register_walk(add, Walker(suppressions, services.add_suppression_tokens))
        register_walk(drop, Walker(suppressions, services.drop_suppression_tokens))
        register_rotation(KeyUse.INDEX, add, rank=10)
        register_rotation(KeyUse.INDEX, drop, rank=30)
        add_confirmations = reindexing.adding(
            models.AddressConfirmation, reindexing.confirmation_under
        )
        move_confirmations = reindexing.moving(models.AddressConfirmation)
        for kind, walker, rank in (
            ("consent.add_confirmations", add_confirmations, 10),
            ("consent.move_confirmations", move_confirmations, 30),
            (
                "consent.add_wishes",
                reindexing.adding(models.PlainMailWish, reindexing.wish_under),
                10,
            ),
            ("consent.move_wishes", reindexing.moving(models.PlainMailWish), 30),
        ):
            register_walk(kind, walker)
            register_rotation(KeyUse.INDEX, kind, rank)
