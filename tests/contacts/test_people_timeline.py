"""What happened to a contact, from every app that knows something, without a diagnosis."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.utils import timezone

from accounts.rules import Role
from contacts import queries, services
from contacts.timeline import SHOWN
from delivery.models import Mailing, Message
from delivery.rules import Status
from delivery.services import events
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tests.contacts.patients import as_csv, import_file, patient, store
from tests.people import Room
from tests.records import make_records


def message_to(contact: UUID, status: Status) -> Message:
    mailing = Mailing.objects.create(
        reference=uuid4(),
        sender=create_sender("Care", f"care{uuid4()}@riverside.test"),
        sealed_content=b"",
        approved_by=uuid4(),
    )
    return Message.objects.create(  # type: ignore[no-any-return]
        mailing=mailing,
        contact_id=contact,
        mail_domain="oldpost.test",
        status=status,
        settled_at=timezone.now(),
    )


def words(room: Room, contact: UUID) -> list[str]:
    with acting_for(room.riverside.id):
        return [entry.words for entry in queries.timeline(contact)]


def test_imports_are_told_with_their_page(room: Room) -> None:
    owner = room.client(Role.OWNER)
    import_file(owner, room, as_csv([patient(1)]))
    second = import_file(owner, room, as_csv([patient(1, Department="Urology")]))
    with acting_for(room.riverside.id):
        [person] = queries.page().contacts
    assert words(room, person.id) == ["Changed by an import", "Added by an import"]
    html = owner.get(room.url(f"contacts/{person.id}/")).content.decode()
    assert room.url(f"imports/{second.id}/") in html


def test_messages_and_what_people_did_with_them(room: Room) -> None:
    with acting_for(room.riverside.id):
        [contact] = store([patient(1)])
        message = message_to(contact, Status.ACCEPTED)
        events.record(message, "opened", verdict="person")
        events.record(message, "clicked", verdict="unknown")
        events.record(message, "opened", verdict="machine")
    told = words(room, contact)
    assert told[-1] == "Added"
    assert set(told[:-1]) == {
        "Message: Delivered to the mail server over verified TLS",
        "Opened a message",
        "Followed a link in a message, or a mail program did",
    }


def test_authorizations_are_told_without_for_what(room: Room) -> None:
    ids = make_records(room.riverside, room.people[Role.OWNER])
    contact = ids["contact"]
    assert isinstance(contact, UUID)
    assert "An authorization signed on paper was recorded" in words(room, contact)
    html = room.client(Role.MARKETER).get(room.url(f"contacts/{contact}/")).content.decode()
    assert "Offers" not in html


def test_only_the_newest_are_told(room: Room) -> None:
    with acting_for(room.riverside.id):
        [contact] = store([patient(1)])
        for _ in range(SHOWN + 2):
            services.unmask(contact, room.stranger.id, "To count the entries", timezone.now())
    told = words(room, contact)
    assert len(told) == SHOWN
    assert "Added" not in told
