"""Values in clear: for a reason, for a while, on record; corrected, merged, erased."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.rules import Role
from audit.models import Event
from consent.models import Alert
from consent.queries import standing_suppressions
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.services import suppress
from contacts import queries, services
from contacts.forms.people import ContactForm
from contacts.models import Contact, Unmasking
from contacts.services import Refused
from contacts.tasks import alert_unmasking
from tenancy.current import acting_for
from tenancy.models import Organization
from tests.contacts.patients import cleaned, patient, store
from tests.people import Room

REASON = "The patient called about a wrong address"


@pytest.fixture
def officer(room: Room) -> Client:
    return room.client(Role.PRIVACY_OFFICER)


def stored(room: Room, count: int = 1) -> list[UUID]:
    with acting_for(room.riverside.id):
        return store(patient(n) for n in range(1, count + 1))


def page(client: Client, room: Room, contact: UUID) -> str:
    return client.get(room.url(f"contacts/{contact}/")).content.decode()


def unmask(client: Client, room: Room, contact: UUID, reason: str = REASON) -> object:
    return client.post(room.url(f"contacts/{contact}/values/"), {"reason": reason})


def seen(room: Room, action: str) -> int:
    with acting_for(room.riverside.id):
        return Event.objects.filter(action=action).count()


def profile(room: Room, contact: UUID) -> dict[str, object]:
    with acting_for(room.riverside.id):
        return dict(queries.opened([contact])[contact].profile)


def test_values_open_for_a_reason_and_are_logged_each_time(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    assert "Quackenbush1" not in page(officer, room, contact)
    unmask(officer, room, contact)
    for _ in range(2):
        html = page(officer, room, contact)
        assert "Quackenbush1" in html
        assert "Asthma" in html
        assert f"Reason: “{REASON}” This is logged." in html
    assert seen(room, "contact_unmasked") == 1
    assert seen(room, "contact_values_seen") == 2
    answer = officer.get(room.url(f"contacts/{contact}/"))
    assert "no-store" in answer["Cache-Control"]


def test_only_who_opened_them_sees_them(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    unmask(officer, room, contact)
    for other in (Role.OWNER, Role.MARKETER):
        html = page(room.client(other), room, contact)
        assert "Quackenbush1" not in html
        assert (REASON in html) is (other is Role.OWNER)


def test_they_close_at_the_end_and_when_hidden(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    unmask(officer, room, contact)
    with acting_for(room.riverside.id):
        row = Unmasking.objects.get()
        assert row.until - row.created_at == timedelta(minutes=15)
        Unmasking.objects.update(until=timezone.now())
    assert "Quackenbush1" not in page(officer, room, contact)
    unmask(officer, room, contact)
    officer.post(room.url(f"contacts/{contact}/hide/"))
    assert "Quackenbush1" not in page(officer, room, contact)


def test_a_page_whose_time_is_over_is_sent_to_the_masked_one(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    answer = officer.get(room.url(f"contacts/{contact}/"), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == room.url(f"contacts/{contact}/")
    assert answer.content == b""


@pytest.mark.parametrize("reason", ["", "why not", "  a      b  ", "x" * 301])
def test_without_a_reason_they_stay_closed(room: Room, officer: Client, reason: str) -> None:
    [contact] = stored(room)
    assert unmask(officer, room, contact, reason).status_code == 200  # type: ignore[attr-defined]
    assert "Quackenbush1" not in page(officer, room, contact)
    assert seen(room, "contact_unmasked") == 0


def test_the_reason_is_stored_sealed(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    unmask(officer, room, contact)
    with acting_for(room.riverside.id):
        assert b"wrong address" not in bytes(Unmasking.objects.get().reason)


def test_officers_hear_once_of_who_opens_many(
    room: Room,
    officer: Client,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.UNMASKING_ALERT = 2
    contacts = stored(room, 4)
    with django_capture_on_commit_callbacks() as tasks:
        for opened in (*contacts, contacts[0]):
            unmask(officer, room, opened)
    assert len(tasks) == 1
    assert seen(room, "unmasking_alert") == 1
    user = room.people[Role.PRIVACY_OFFICER]
    alert_unmasking(str(room.riverside.id), str(user.id))
    [letter] = mail.outbox
    assert letter.to == [user.email, room.people[Role.OWNER].email]
    assert "more than 2 patients" in letter.body
    assert "Quackenbush" not in letter.body + letter.subject
    with acting_for(room.riverside.id):
        alert = Alert.objects.get(kind="many_opened")
    assert alert.object_id == user.id
    assert "values of many patients" in officer.get(room.url("privacy/")).content.decode()
    officer.post(room.url(f"privacy/alerts/{alert.id}/"), {"note": "A list for the doctor"})
    assert "values of many patients" not in officer.get(room.url("privacy/")).content.decode()


def corrections(room: Room, contact: UUID, **values: str) -> dict[str, object]:
    """What the form of corrections holds, with other values."""
    with acting_for(room.riverside.id):
        form = ContactForm(queries.fields(), queries.opened([contact])[contact].profile, None)
        data = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in (data | values).items() if value is not None}


def correct(client: Client, room: Room, contact: UUID, **values: str) -> str:
    data = corrections(room, contact, **values)
    answer = client.post(room.url(f"contacts/{contact}/correct/"), data)
    return answer.content.decode()


def test_values_are_corrected_and_the_log_tells_which(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    unmask(officer, room, contact)
    correct(officer, room, contact, last_name="Quill", hba1c="6.5", department="")
    found = profile(room, contact)
    assert (found["last_name"], found["hba1c"]) == ("Quill", 6.5)
    assert "department" not in found
    assert found["conditions"] == ["asthma"]
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="contact_corrected")
        assert event.details == {"fields": ["department", "hba1c", "last_name"]}
        assert [each.id for each in queries.find("quill", by_name=True)] == [contact]
    assert "corrected Department, HbA1c (%), Last name" in page(officer, room, contact)


def test_corrections_need_the_values_to_be_open(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    assert officer.get(room.url(f"contacts/{contact}/correct/")).status_code == 302
    correct(officer, room, contact, last_name="Quill")
    assert profile(room, contact)["last_name"] == "Quackenbush1"


def test_what_cannot_be_kept_is_said_at_its_field_and_nothing_changes(
    room: Room, officer: Client
) -> None:
    [contact] = stored(room)
    unmask(officer, room, contact)
    before = profile(room, contact)
    html = correct(officer, room, contact, hba1c="high", birth_date="soon", last_name="Quill")
    assert "HbA1c (%) is not a number" in html
    assert "Birth date is not a date" in html
    html = correct(officer, room, contact, record_number="", email="")
    assert "needs a medical record number" in html
    assert profile(room, contact) == before


def test_somebody_else_s_number_leads_to_merging(room: Room, officer: Client) -> None:
    contact, _ = stored(room, 2)
    unmask(officer, room, contact)
    html = correct(officer, room, contact, record_number="RH000002")
    assert "Another contact has this medical record number" in html
    assert f"/contacts/{contact}/merge/" in html
    assert profile(room, contact)["record_number"] == "RH000001"


def test_a_choice_that_is_gone_stays_with_who_has_it(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    with acting_for(room.riverside.id):
        row = next(each for each in queries.stored_fields() if each.key == "sex")
        field = queries.as_field(row)
        services.change_field(
            row.id,
            services.Wanted(
                field.label,
                field.type,
                field.group,
                field.classification,
                field.searchable,
                tuple(each for each in field.choices if each.value != "female"),
            ),
        )
    unmask(officer, room, contact)
    correct(officer, room, contact, last_name="Quill")
    assert profile(room, contact)["sex"] == "female"


def test_two_become_one(room: Room, officer: Client) -> None:
    kept, gone = stored(room, 2)
    with acting_for(room.riverside.id):
        services.save_many(cleaned([patient(2, Phone="555-0100", Conditions="Asthma; COPD")]))
    found = officer.post(room.url(f"contacts/{kept}/merge/"), {"text": "rh000002"})
    address = room.url(f"contacts/{kept}/merge/{gone}/")
    assert address in found.content.decode()
    shown = officer.get(address).content.decode()
    assert "Quackenbush" not in shown
    officer.post(address)
    one = profile(room, kept)
    assert (one["record_number"], one["phone"]) == ("RH000001", "555-0100")
    assert one["conditions"] == ["asthma", "copd"]
    html = page(officer, room, gone)
    assert "Merged record" in html
    assert f"/contacts/{kept}/" in html
    assert "merged another record into this one" in page(officer, room, kept)
    with acting_for(room.riverside.id):
        assert queries.total() == 1


def test_what_was_said_of_mail_to_the_one_holds_for_both(room: Room, officer: Client) -> None:
    """What a mailbox said does not: it is another mailbox."""
    kept, gone = stored(room, 2)
    address = "Wilhelmina.Quackenbush{}@oldpost.test".format
    with acting_for(room.riverside.id):
        for reason in (SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED):
            suppress(address(2), SuppressionScope.MARKETING, reason, "link")
    officer.post(room.url(f"contacts/{kept}/merge/{gone}/"))
    with acting_for(room.riverside.id):
        token = queries.address_token(address(1))
        [suppression] = standing_suppressions([token])[token]
    assert suppression.reason is SuppressionReason.UNSUBSCRIBED
    assert suppression.scope is SuppressionScope.MARKETING


def test_records_are_compared_in_clear_once_both_are_open(room: Room, officer: Client) -> None:
    kept, gone = stored(room, 2)
    address = room.url(f"contacts/{kept}/merge/{gone}/")
    unmask(officer, room, kept)
    assert "Quackenbush" not in officer.get(address).content.decode()
    unmask(officer, room, gone)
    shown = officer.get(address).content.decode()
    assert "Quackenbush1" in shown
    assert "Quackenbush2" in shown


def test_one_record_is_not_merged_with_itself(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    officer.post(room.url(f"contacts/{contact}/merge/{contact}/"))
    assert profile(room, contact)["last_name"] == "Quackenbush1"


def test_erasing_asks_for_the_word_and_leaves_a_stone(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    address = room.url(f"contacts/{contact}/erase/")
    shown = officer.get(address).content.decode()
    assert "What messages said to them" in shown
    assert "What stays, and why" in shown
    assert "Write the word ERASE" in officer.post(address, {"word": "yes"}).content.decode()
    officer.post(address, {"word": "erase"})
    assert "This contact was erased on" in page(officer, room, contact)
    with acting_for(room.riverside.id):
        row = Contact.objects.get(id=contact)
        assert (row.tokens, row.email_token, row.mail_domain) == ([], None, "")
        assert services.save_many(cleaned([patient(1)])).created == 0
        assert queries.total() == 0


def test_nothing_is_erased_under_a_legal_hold(room: Room, officer: Client) -> None:
    [contact] = stored(room)
    Organization.objects.filter(id=room.riverside.id).update(legal_hold=True)
    address = room.url(f"contacts/{contact}/erase/")
    assert "legal hold" in officer.get(address).content.decode()
    assert "legal hold" in officer.post(address, {"word": "ERASE"}).content.decode()
    assert profile(room, contact)["last_name"] == "Quackenbush1"


def test_the_one_who_is_left_no_longer_shares_an_address(room: Room) -> None:
    with acting_for(room.riverside.id):
        one, other = store(
            patient(n, Email="both@oldpost.test", **{"First Name": f"Pat{n}"}) for n in (1, 2)
        )
        assert queries.opened([other])[other].household
        services.erase(one, timezone.now())
        assert not queries.opened([other])[other].household
        with pytest.raises(Refused):
            services.merge(other, one)
