"""Promise 4 with rows in every table: without an organization, raw SQL sees none of them."""

from __future__ import annotations

from django.db import connection, connections
from django.utils import timezone

from accounts.models import User
from accounts.rules import Role
from audit import services as audit
from audit.tasks import seal
from campaigns.models import Approval, Campaign
from consent import models as rows
from consent import services as consent
from consent.models import Authorization
from consent.rules.decision import RulingOutcome, SuppressionReason, SuppressionScope
from contacts import queries as contacts
from contacts import services
from contacts.models import Import, ImportChange, ImportFragment, SavedMapping, ShownCount
from contacts.rules.imports import suggest_mapping
from contacts.services import importing, uploads
from contacts.services.saving import keep_codes
from delivery.models import DeliveryPolicy, EmergencyStop, SenderDomain
from delivery.services import warming
from portal import services as portal
from tenancy.current import acting_for
from tenancy.models import KeyUse, new_id
from tenancy.rotation import rotate
from tests.people import Room
from tests.post import Post
from tests.records import make_records
from tests.tenancy.test_row_level_security import TENANT_TABLES

CSV = b"MRN,First Name,Email,DOB\nR7,Ann,ann@riverside-mail.test,1950-06-07\nR8,Bad,x,1950-02-31\n"
PORTAL = "bob@plainmail.test"


def fill_every_table(room: Room, post: Post) -> None:
    owner = room.people[Role.OWNER]
    make_records(room.riverside, owner)
    with acting_for(room.riverside.id):
        consent.revoke(Authorization.objects.get().id, timezone.now(), "letter", owner.id)
        consent.suppress("x@y.test", SuppressionScope.ALL, SuppressionReason.COMPLAINED, "staff")
        source = uploads.start_upload([CSV], "p.csv", owner.id)
        _fill_consent(owner)
    _fill_contacts(room, source, owner)
    post.mailing(PORTAL)
    post.send()
    portal.send_code(room.riverside.id, post.message(PORTAL).id)
    with acting_for(room.riverside.id):
        Approval.objects.create(
            campaign=Campaign.objects.get(),
            digest="0" * 64,
            submission=1,
            approved=False,
            decided_by=owner.id,
        )
    _fill_delivery(owner, post)
    seal()
    with acting_for(room.riverside.id):
        audit.record("not_sealed_yet")


def _fill_delivery(owner: User, post: Post) -> None:
    with acting_for(post.organization.id):
        DeliveryPolicy.objects.create()
        EmergencyStop.objects.create(
            started_by=owner.id, reason="A drill", lifted_at=timezone.now()
        )
        domain = SenderDomain.objects.first()
        assert domain is not None
        warming.note_complaint(domain.id, "", timezone.now())


def _fill_consent(owner: User) -> None:
    """A person with every wish, a policy, a ruling and an alert."""
    signed = Authorization.objects.get()
    who = {"contact_id": signed.contact_id}
    token = {"address_token": new_id()}
    consent.change_policy(consent.Policy(True, True, 8, 30), owner.id)
    consent.turn_on("ca-cmia", owner.id)
    consent.dispute(signed.id, "wrong_address", owner.id)
    consent.check_integrity(owner.id)
    consent.raise_alert("copy_failed", "authorization", signed.id)
    consent.rule_on(
        new_id(), "0" * 64, "patient_story", RulingOutcome.ALLOW, "Signed for it.", owner.id
    )
    rows.Preference.objects.create(**who)
    rows.Restriction.objects.create(
        **who, purposes=["marketing"], received_on=timezone.localdate(), recorded_by=owner.id
    )
    rows.PlainMailWish.objects.create(**who, **token, warning="It may be read.", channel="page")
    rows.AddressConfirmation.objects.create(
        **who, **token, sealed_address=b"sealed", wording="Is it yours?", channel="mail"
    )
    rows.Scan.objects.create(
        authorization=signed,
        sealed=b"sealed",
        media_type="application/pdf",
        size=6,
        digest="0" * 64,
        added_by=owner.id,
    )


def _fill_contacts(room: Room, source: Import, owner: User) -> None:
    """Rows of imports in every turn, of counts, exports and walks."""
    riverside = room.riverside.id
    importing.run_import(riverside, source.id)
    with acting_for(riverside):
        headers = contacts.head(contacts.import_by_id(source.id)).headers
        names = suggest_mapping(headers, contacts.fields_by_key())
        mapping = {n: names[h] for n, h in enumerate(headers)}
        uploads.confirm_mapping(source.id, mapping)
        SavedMapping.objects.create(name="Ours", columns=b"sealed", created_by=owner.id)
    importing.run_import(riverside, source.id)
    with acting_for(riverside):
        uploads.confirm_import(source.id)
    importing.run_import(riverside, source.id)
    with acting_for(riverside):
        waiting = uploads.start_upload([CSV.replace(b"Ann,", b"Anna,")], "q.csv", owner.id)
        keep_codes("condition_codes", ["snomed|44054006|Diabetes"])
        person = contacts.page().contacts[0]
        services.unmask(person.id, owner.id, "called us about it", timezone.now())
        asked = services.request_export(None, ["email"], "a list for the desk", owner.id)
        second = room.people[Role.PRIVACY_OFFICER]
        services.decide_export(asked.id, True, second.id)
        ShownCount.objects.create(tree=b"sealed", exact=20, shown=20)
        rotate(KeyUse.SENDER)
    services.write_export(riverside, asked.id)
    importing.run_import(riverside, waiting.id)
    with acting_for(riverside):
        ImportChange.objects.create(
            source_id=source.id, contact_id=person.id, before=b"sealed", written_at=timezone.now()
        )
        last = uploads.start_upload([CSV], "r.csv", owner.id)
        ImportFragment.objects.create(source_id=last.id, patient=new_id(), sealed=b"sealed")


def counts(alias: str) -> dict[str, int]:
    found = {}
    with connections[alias].cursor() as cursor:
        for table in TENANT_TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = int(cursor.fetchone()[0])
    return found


def test_no_tenant_s_row_is_visible_without_an_organization(
    committed_room: Room, post: Post
) -> None:
    fill_every_table(committed_room, post)
    there_are = counts("owner")
    connections["owner"].close()
    assert [table for table, number in there_are.items() if not number] == [], "rows to be hidden"
    assert set(counts("default").values()) == {0}
    with acting_for(committed_room.lakeside.id), connection.cursor() as cursor:
        for table in TENANT_TABLES:
            cursor.execute(
                f"SELECT count(*) FROM {table} WHERE organization_id = %s",
                [committed_room.riverside.id],
            )
            assert cursor.fetchone() == (0,), table
