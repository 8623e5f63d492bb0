"""A published form and people who signed it, in a test's organization."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.utils import timezone

from consent import services
from consent.models import Authorization, FormVersion
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from consent.rules.starter import starter_form
from contacts import queries as contacts
from contacts.services.saving import save_many
from tenancy.models import Organization, new_id
from tests.post import clean

OFFER = Use(Purpose.MARKETING, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
LAST_WEEK: date = timezone.localdate() - timedelta(days=7)


def people(number: int) -> list[UUID]:
    """New contacts. All of these need `acting_for`."""
    save_many([clean(n, f"person{n}@riverside-mail.test") for n in range(number)])
    return [person.id for person in contacts.page().contacts][:number]


def published(organization: Organization, name: str = "Offers") -> FormVersion:
    text = starter_form(organization.legal_name, "privacy@riverside.test")
    form = services.save_draft(None, name, text.to_json(), new_id())
    return services.publish(form, text, new_id())


def signed(contact: UUID, version: FormVersion, on: date = LAST_WEEK) -> Authorization:
    return services.record_authorization(
        services.Signature(contact, version.id, on, "Pat Example", copy_given=True), None
    )
