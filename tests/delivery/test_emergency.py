"""Promise 9 at its strongest: everything of an organization is stopped, and taken back."""

from __future__ import annotations

import html
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from accounts.rules import Permission, Role, allows
from audit.models import Event as AuditEvent
from campaigns import services as campaigns
from config.demo.world.tempers import Temper
from delivery import queries
from delivery.models import EmergencyStop, Mailing
from delivery.rules import MailingStatus, Status
from delivery.services import emergency, mailings
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.campaigns.desk import Desk
from tests.mail.world import domain_of
from tests.people import Room
from tests.post import Post

GOOD, NO_TLS, SLOW = (
    "ann@riverside-mail.test",
    "bob@plainmail.test",
    f"cy@{domain_of(Temper.ALWAYS_451)}",
)
REASON = "Wrong list"


def stop(room: Room, **data: object) -> EmergencyStop:
    """Stop everything on its page."""
    answer = room.client(Role.PRIVACY_OFFICER).post(
        room.url("sending/stop/"), {"reason": REASON, **data}
    )
    assert answer.status_code == 302
    with acting_for(room.riverside.id):
        found: EmergencyStop = EmergencyStop.objects.get(lifted_at=None)
        return found


def stored(room: Room, mailing: Mailing) -> Mailing:
    with acting_for(room.riverside.id):
        return Mailing.objects.get(id=mailing.id)


def pickup(post: Post, address: str) -> str:
    with acting_for(post.organization.id):
        return queries.links(post.organization, post.message_id(address)).pickup()


def test_who_may_stop_everything() -> None:
    may = {role for role in Role if allows(role, Permission.STOP_ALL_SENDING)}
    assert may == {Role.OWNER, Role.ADMINISTRATOR, Role.PRIVACY_OFFICER}


def test_a_stop_in_the_middle_of_a_sending(post: Post, committed_room: Room) -> None:
    room = committed_room
    mailing = post.mailing(GOOD, NO_TLS, SLOW)
    post.send()
    assert post.statuses() == {
        GOOD: Status.ACCEPTED,
        NO_TLS: Status.IN_PORTAL,
        SLOW: Status.QUEUED,
    }
    asked = room.client(Role.PRIVACY_OFFICER).get(room.url("sending/stop/")).content.decode()
    assert "Stop 1 campaign<" in asked
    assert "Withdraw 1 message in the portal" in asked
    standing = stop(room)
    assert stored(room, mailing).status == MailingStatus.STOPPED
    assert post.statuses()[SLOW] == Status.STOPPED
    post.due_now()
    assert post.send() == 0
    text = shown(room, standing, Role.PRIVACY_OFFICER)
    assert str(post.ids[GOOD]) in text
    assert str(post.ids[NO_TLS]) in text
    assert str(post.ids[SLOW]) not in text
    assert GOOD not in text
    assert "Pat0" not in text
    with acting_for(room.riverside.id):
        listed = AuditEvent.objects.filter(action="contacts_listed").last()
        assert listed is not None
        assert str(post.ids[GOOD]) in listed.details["contacts"]
        event = AuditEvent.objects.get(action="emergency_stop_started")
        assert event.details["not_sent"] == 1
        assert REASON not in str(event.details)


def shown(room: Room, standing: EmergencyStop, who: Role) -> str:
    answer = room.client(who).get(room.url(f"sending/stops/{standing.id}/"))
    return html.unescape(answer.content.decode())


def test_who_may_not_see_patients_gets_counts_alone(post: Post, committed_room: Room) -> None:
    post.mailing(GOOD)
    post.send()
    post.mailing(NO_TLS)
    standing = stop(committed_room)
    text = shown(committed_room, standing, Role.ADMINISTRATOR)
    assert str(post.ids[GOOD]) not in text
    assert "for those who may see patients" in text
    csv = committed_room.client(Role.ADMINISTRATOR).post(
        committed_room.url(f"sending/stops/{standing.id}/counts/")
    )
    assert csv.content.decode().splitlines()[1].endswith(",1")


def test_a_withdrawn_message_can_t_be_read_and_unsubscribing_still_works(
    post: Post, committed_room: Room
) -> None:
    post.mailing(NO_TLS, SLOW)
    post.send()
    address, visitor = pickup(post, NO_TLS), Client()
    path = address.partition("mail.riverside.test")[2]
    assert visitor.get(path).status_code == 200
    stop(committed_room)
    for each in (path, path + "?lang=es", path + "/content"):
        answer = visitor.get(each)
        assert answer.status_code == 410, each
        assert b"diabetes" not in answer.content
    assert "withdrawn by Riverside Health" in visitor.get(path).content.decode()
    assert "retiró este mensaje" in visitor.get(path + "?lang=es").content.decode()
    assert visitor.post(path, {"what": "code"}).status_code == 410
    with acting_for(post.organization.id):
        links = queries.links(post.organization, post.message_id(NO_TLS))
    unsubscribe = links.unsubscribe().partition("mail.riverside.test")[2]
    answer = visitor.post(unsubscribe, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200


@pytest.mark.parametrize("also", [False, True])
def test_earlier_campaigns_are_withdrawn_on_request(
    post: Post, committed_room: Room, also: bool
) -> None:
    earlier = post.mailing(NO_TLS)
    post.send()
    post.send()
    assert stored(committed_room, earlier).status == MailingStatus.FINISHED
    stop(committed_room, **({"also_earlier": "on"} if also else {}))
    assert (stored(committed_room, earlier).withdrawn_at is not None) is also


def test_nothing_begins_while_a_stop_stands(post: Post, committed_room: Room) -> None:
    room = committed_room
    desk = Desk(room)
    desk.people()
    first, second = (desk.campaign(purpose="treatment_reminder") for _ in range(2))
    for each in (first, second):
        desk.submit(each)
        desk.approve(each)
    marketer = room.client(Role.MARKETER)
    marketer.post(room.url(f"campaigns/{first}/launch/"))
    assert desk.stored(first).status == "launched"
    standing = stop(room)
    assert "Everything is stopped" in desk.read(second)
    answer = marketer.post(room.url(f"campaigns/{second}/launch/"), follow=True)
    assert "Nothing can be sent until" in answer.content.decode()
    assert desk.stored(second).status == "approved"
    with acting_for(room.riverside.id):
        mailing = campaigns.plan(first)
        assert mailing.status == MailingStatus.STOPPED, "launched before, planned after"
        assert queries.progress(mailing.id).by_status[Status.STOPPED] == 12
        standing.refresh_from_db()
        assert standing.mailings == [str(mailing.id)]
        with pytest.raises(mailings.EverythingStopped):
            mailings.resume(mailing.id)
    lift(room, standing.id)
    marketer.post(room.url(f"campaigns/{second}/launch/"))
    assert desk.stored(second).status == "launched"
    with acting_for(room.riverside.id):
        assert campaigns.plan(second).status == MailingStatus.SENDING


def lift(room: Room, standing: UUID) -> None:
    client, path = room.client(Role.OWNER), room.url(f"sending/stops/{standing}/lift/")
    assert b"Lift the stop?" in client.get(path).content
    client.post(path)
    with acting_for(room.riverside.id):
        assert queries.standing_stop() is None
    assert b"Everything is stopped" not in client.get(room.url()).content


def test_a_stop_needs_a_reason_and_stands_once(post: Post, committed_room: Room) -> None:
    answer = committed_room.client(Role.OWNER).post(
        committed_room.url("sending/stop/"), {"reason": " "}
    )
    assert b"Say why." in answer.content
    standing = stop(committed_room)
    with acting_for(committed_room.riverside.id):
        again = emergency.stop_everything("Again", new_id(), True, timezone.now())
        assert again.id == standing.id
    assert (
        b"Everything is stopped"
        in committed_room.client(Role.ANALYST).get(committed_room.url()).content
    )
