"""The privacy officer's dashboard: what it counts, what it hides, and what it leads to."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.rules import Role
from audit.models import Event
from compliance import queries, rules
from compliance.tasks import check_integrity
from consent import services as consent
from consent.models import Alert, Authorization, IntegrityCheck
from contacts import queries as contacts
from delivery.models import Message
from tenancy.current import acting_for
from tests.campaigns.desk import Desk
from tests.consent.signed import people, published, signed
from tests.people import Room
from tests.post import Post


@pytest.fixture
def officer(room: Room) -> Room:
    """Riverside with forty patients: twenty signed lately, thirteen revoked, seven never did."""
    with acting_for(room.riverside.id):
        everybody, version = people(40), published(room.riverside)
        rows = [signed(each, version) for each in everybody[:33]]
        for row in rows[20:]:
            consent.revoke(row.id, timezone.now() - timedelta(days=2), "letter", None)
    return room


def page(room: Room, who: Role = Role.PRIVACY_OFFICER, days: int = 30) -> str:
    answer = room.client(who).get(room.url(f"privacy/?days={days}"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_people_are_counted_once_and_small_groups_are_hidden(officer: Room) -> None:
    with acting_for(officer.riverside.id):
        found = queries.dashboard(timezone.now(), 30)
    shown = {line.code: line.count.text for line in found.people.lines}
    assert shown["live"] == "20"
    assert shown["never"] == shown["revoked"] == "hidden", "seven, and what would tell it"
    assert found.people.total.text == "40"
    assert found.rate == "about 50 %"
    assert found.longest == "2 days"


def test_the_page_is_for_those_who_answer_for_privacy(officer: Room) -> None:
    assert "about 50 %" in page(officer)
    assert "about 50 %" in page(officer, Role.AUDITOR)
    marketer = officer.client(Role.MARKETER).get(officer.url("privacy/"))
    assert marketer.status_code in (403, 404)


def test_a_period_of_one_s_own_choosing_is_not_taken(officer: Room) -> None:
    assert "Last 30 days" in page(officer, days=31)
    with acting_for(officer.riverside.id):
        assert queries.dashboard(timezone.now(), 30).days == 30
    assert 'href="?days=30" aria-current="page"' in page(officer, days=7)


def test_the_export_hides_what_the_page_hides_and_is_logged(officer: Room) -> None:
    answer = officer.client(Role.PRIVACY_OFFICER).post(officer.url("privacy/export/"))
    rows = answer.content.decode().splitlines()
    assert "Patients by authorization,Never signed,hidden" in rows
    assert "Authorization rate,,about 50 %" in rows
    with acting_for(officer.riverside.id):
        assert Event.objects.filter(action="dashboard_exported").exists()


def altered(which: UUID) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE consent_authorization SET sealed = set_byte(sealed, 40,"
            " (get_byte(sealed, 40) + 1) %% 256) WHERE id = %s",
            [which],
        )
    connections["owner"].close()


def test_check_11_one_altered_byte_stops_the_mail_and_raises_an_alarm(
    committed_room: Room, post: Post
) -> None:
    desk = Desk(committed_room)
    desk.people(3)
    with acting_for(committed_room.riverside.id):
        ids = [each.id for each in contacts.page().contacts]
        version = published(committed_room.riverside)
        rows = [signed(each, version) for each in ids]
    campaign = desk.campaign(purpose="marketing")
    altered(rows[0].id)
    desk.launch(campaign)
    post.send()
    with acting_for(committed_room.riverside.id):
        outcomes = {m.contact_id: (m.status, m.reason) for m in Message.objects.all()}
        assert outcomes.pop(rows[0].contact_id) == ("suppressed", "not_intact")
        assert set(outcomes.values()) == {("accepted", "")}
        (alert,) = Alert.objects.all()
        assert (alert.kind, alert.object_id) == ("authorization_altered", rows[0].id)
    check_integrity()
    with acting_for(committed_room.riverside.id):
        check = IntegrityCheck.objects.get()
        assert (check.authorizations, check.altered) == (3, 1)
        assert Alert.objects.count() == 1, "raised twice, it stands once"
    shown = page(committed_room)
    assert "A signed authorization was altered in the database" in shown
    assert "altered" in shown


def test_a_revocation_that_somebody_deleted_is_missed(committed_room: Room) -> None:
    with acting_for(committed_room.riverside.id):
        row = signed(people(1)[0], published(committed_room.riverside))
        consent.revoke(row.id, timezone.now(), "letter", None)
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM consent_revocation")
    connections["owner"].close()
    check_integrity()
    with acting_for(committed_room.riverside.id):
        (alert,) = Alert.objects.all()
    assert (alert.kind, alert.object_id) == ("record_missing", row.id)


def test_one_altered_form_is_one_alert_for_all_who_signed_it(committed_room: Room) -> None:
    with acting_for(committed_room.riverside.id):
        version = published(committed_room.riverside)
        for each in people(12):
            signed(each, version)
    with connections["owner"].cursor() as cursor:
        cursor.execute('UPDATE consent_formversion SET text = text || \'{"title": "Other"}\'')
    connections["owner"].close()
    check_integrity()
    with acting_for(committed_room.riverside.id):
        assert IntegrityCheck.objects.get().altered == 12
        (alert,) = Alert.objects.all()
    assert (alert.kind, alert.object_id) == ("form_altered", version.id)


def test_an_alert_is_closed_with_a_note(officer: Room) -> None:
    with acting_for(officer.riverside.id):
        row = Authorization.objects.first()
        assert row is not None
        alert = consent.raise_alert("copy_failed", "authorization", row.id)
    client = officer.client(Role.PRIVACY_OFFICER)
    address = officer.url(f"privacy/alerts/{alert.id}/")
    assert b"Say what was done" in client.post(address, {"note": " "}, follow=True).content
    client.post(address, {"note": "Handed over on paper."})
    with acting_for(officer.riverside.id):
        alert.refresh_from_db()
    assert (alert.note, alert.done_at is not None) == ("Handed over on paper.", True)
    assert "could not be delivered" not in page(officer)


@given(st.dictionaries(st.sampled_from(list(rules.STANDINGS)), st.integers(0, 60)))
def test_no_small_group_is_shown(cells: dict[str, int]) -> None:
    found = rules.figures(rules.STANDINGS, cells)
    for line in found.lines:
        assert line.count.value is None or line.count.value == 0 or line.count.value > 10
    live = sum(cells.get(code, 0) for code in rules.LIVE)
    if 1 <= live <= 10:
        assert rules.rate(cells, found) == "hidden"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (None, "none yet"),
        (timedelta(seconds=2), "at once"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=30), "1 day"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_spans_in_words(span: timedelta | None, words: str) -> None:
    assert rules.in_words(span) == words
