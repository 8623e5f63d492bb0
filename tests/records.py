"""One record of each kind, for tests that try every route."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from accounts.models import Membership, User
from audit.services import acting_person
from campaigns import services as campaigns
from campaigns.models import Template
from campaigns.starter import STARTER_HTML
from consent import services as consent
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.forms import FormText
from consent.rules.purposes import Purpose, Remuneration
from consent.rules.starter import starter_form
from contacts import queries as contacts
from contacts.rules.segments import Segment
from contacts.services import request_export, segments, uploads
from contacts.services.mappings import save_mapping
from contacts.services.saving import save_many
from delivery.content import compile_content
from delivery.models import Message, SenderDomain
from delivery.services import emergency, mailings
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tenancy.models import Organization, new_id
from tests.post import TREATMENT, clean

RECORDS = {
    "contact",
    "other",
    "field",
    "export",
    "source",
    "mapping",
    "segment",
    "template",
    "campaign",
    "form",
    "version",
    "authorization",
    "alert",
    "signing_request",
    "scan",
    "suppression",
    "restriction",
    "topic",
    "mailing",
    "message",
    "domain",
    "stop",
    "membership",
}
"""Route parameters that name a record; others (`person`, `act`) are plain values."""

CSV = b"MRN,First Name,Email,DOB\nR77,Ann,ann@riverside-mail.test,1950-06-07\n"


def make_records(organization: Organization, by: User) -> dict[str, object]:
    """Ids by the name of the route parameter."""
    with acting_for(organization.id), acting_person(by.id):
        save_many([clean(1, "ann@riverside-mail.test")])
        ((contact, _),) = contacts.matching(Segment(), contacts.today())
        [field] = [each for each in contacts.stored_fields() if each.key == "department"]
        export = request_export(None, ["email"], "For the yearly letter", by.id)
        segment = segments.save_segment("All", '{"where": {"kind": "all", "of": []}}', by.id)
        template = campaigns.save_template(
            Template(name="Note", subject="A note", html=STARTER_HTML, created_by=by.id), by.id
        )
        sender = create_sender("Care", f"care@{organization.slug}.test")
        campaign = campaigns.save_campaign(
            campaigns.Draft(
                "Autumn",
                segment.id,
                template.id,
                sender.id,
                Purpose.TREATMENT_REMINDER.value,
                Remuneration.NONE.value,
                "",
                tracking=False,
                gives_away="no",
                features="no",
            ),
            by.id,
        )
        SenderDomain.objects.update(aligned_at=timezone.now())
        stop = emergency.stop_everything("A try", by.id, False, timezone.now())
        emergency.lift(stop.id, by.id, timezone.now())
        message = _message(contact, sender.id)
        source = uploads.start_upload([CSV], "patients.csv", by.id)
        save_mapping("Weekly export", ["MRN"], {0: "record_number"}, by.id)
        (mapping,) = contacts.saved_mappings()
        text = starter_form(organization.legal_name, "privacy@riverside.test").to_json()
        form = consent.save_draft(None, "Offers", text, by.id)
        version = consent.publish(form, FormText.from_json(text), by.id)
        membership = Membership.objects.get(user=by)
        signed = consent.record_authorization(_signature(contact, version.id), by.id)
        alert = consent.raise_alert("copy_failed", "authorization", signed.id)
        asked = consent.ask(contact, version.id, "desk", by.id)
        suppression = consent.suppress(
            "nobody@riverside-mail.test",
            SuppressionScope.ALL,
            SuppressionReason.DO_NOT_CONTACT,
            "staff",
        )
        restriction = consent.restrict(contact, [Purpose.MARKETING], "", contacts.today(), by.id)
        topic = consent.create_topic("Heart health", "", by.id)
        scan = consent.keep_scan(signed.id, b"%PDF-1.7", by.id)
    return {
        "contact": contact,
        "other": contact,
        "field": field.id,
        "export": export.id,
        "source": source.id,
        "mapping": mapping.id,
        "segment": segment.id,
        "template": template.id,
        "campaign": campaign.id,
        "form": form,
        "version": version.id,
        "authorization": signed.id,
        "alert": alert.id,
        "signing_request": asked.id,
        "scan": scan.id,
        "restriction": restriction.id,
        "topic": topic.id,
        "suppression": suppression.id,
        "language": "es",
        "pack": "tx-181",
        "membership": membership.id,
        "domain": sender.domain_id,
        "stop": stop.id,
        "message": message,
        "person": 0,
        "act": "pause",
    }


def _message(contact: UUID, sender: UUID) -> UUID:
    """One that was stopped before it went anywhere."""
    html = '<p>Hello</p><p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Stop</a></p>'
    mailing = mailings.create_mailing(
        new_id(),
        sender,
        compile_content("A note", "", html, []),
        TREATMENT,
        mailings.Approved("0" * 64, new_id()),
        tracking=False,
    )
    mailings.plan(mailing.id, [(contact.bytes, "riverside-mail.test")])
    mailings.stop(mailing.id)
    found: UUID = Message.objects.get(mailing=mailing).id
    return found


def _signature(contact: UUID, version: UUID) -> consent.Signature:
    return consent.Signature(
        contact_id=contact,
        version_id=version,
        signed_on=contacts.today(),
        signer_name="Ann Example",
        copy_given=True,
    )
