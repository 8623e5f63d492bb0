"""Promise 4 with rows in every table: without an organization, raw SQL sees none of them."""

from __future__ import annotations

from django.db import connection, connections
from django.utils import timezone

from accounts.rules import Role
from audit import services as audit
from audit.tasks import seal
from campaigns.models import Approval, Campaign
from consent import services as consent
from consent.models import Authorization
from consent.rules.decision import SuppressionReason, SuppressionScope
from contacts import queries as contacts
from contacts.rules.imports import suggest_mapping
from contacts.services import importing, uploads
from portal import services as portal
from tenancy.current import acting_for
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
        headers = contacts.head(source).headers
        names = suggest_mapping(headers, contacts.fields_by_key())
        uploads.confirm_mapping(source.id, {n: names[h] for n, h in enumerate(headers)})
    importing.run_import(room.riverside.id, source.id)
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
    seal()
    with acting_for(room.riverside.id):
        audit.record("not_sealed_yet")


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
