"""Why did this patient get a link? One page per message."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.rules import Role
from config.demo.world.tempers import Temper
from delivery import why
from delivery.models import Message
from delivery.rules import Status
from delivery.transports.outcomes import SENTENCES, Evidence, Stage
from tenancy.current import acting_for
from tests.campaigns.desk import Desk
from tests.mail.world import domain_of
from tests.people import Room
from tests.post import DIAGNOSIS, Post

GOOD, EXPIRED = "ann@riverside-mail.test", f"bob@{domain_of(Temper.EXPIRED)}"


def read(room: Room, post: Post, address: str, who: Role = Role.PRIVACY_OFFICER) -> str:
    answer = room.client(who).get(room.url(f"messages/{post.message(address).id}/"))
    assert answer.status_code == 200
    return answer.content.decode()


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def test_it_says_why_there_was_a_link_and_what_the_server_did(
    post: Post, committed_room: Room
) -> None:
    post.mailing(GOOD, EXPIRED)
    post.send()
    text = words(read(committed_room, post, EXPIRED))
    assert "Waits in the secure portal" in text
    assert SENTENCES["certificate_expired"] in text
    straight = words(read(committed_room, post, GOOD))
    assert "straight to the inbox, because the mail server proved who it is" in straight
    assert "mx1.riverside-mail.test" in straight
    assert "TLSv1.3" in straight
    assert "Why it may be sent" in straight


@pytest.mark.parametrize("who", [Role.PRIVACY_OFFICER, Role.MARKETER])
def test_it_shows_no_value_of_the_patient(post: Post, committed_room: Room, who: Role) -> None:
    post.mailing(GOOD)
    post.send()
    markup = read(committed_room, post, GOOD, who)
    for value in (GOOD, "Pat0", DIAGNOSIS, "1950"):
        assert value not in markup
    assert ("The whole decision" in markup) is (who is Role.PRIVACY_OFFICER)


def test_the_patient_s_timeline_leads_to_it(post: Post, committed_room: Room) -> None:
    post.mailing(GOOD)
    post.send()
    answer = committed_room.client(Role.PRIVACY_OFFICER).get(
        committed_room.url(f"contacts/{post.ids[GOOD]}/")
    )
    assert f"/messages/{post.message(GOOD).id}/" in answer.content.decode()


@pytest.mark.parametrize("who", [Role.PRIVACY_OFFICER, Role.MARKETER])
def test_it_leads_to_the_campaign_whoever_may_open_values(room: Room, who: Role) -> None:
    """Whom a campaign is for can tell a diagnosis, and a patient can be looked up."""
    desk = Desk(room)
    desk.people(1)
    campaign = desk.campaign(purpose="own_health_service")
    desk.launch(campaign)
    with acting_for(room.riverside.id):
        message = Message.objects.get()
    page = room.client(who).get(room.url(f"messages/{message.id}/")).content.decode()
    assert (str(campaign) in page) is (who is Role.PRIVACY_OFFICER)


def test_a_message_that_waits_can_be_looked_at(post: Post, committed_room: Room) -> None:
    post.mailing(GOOD)
    text = words(read(committed_room, post, GOOD))
    assert "Waits for its turn" in text
    assert "No mail server was asked." in text


def test_every_status_and_every_outcome_has_words() -> None:
    assert set(why.STATUSES) == set(Status)
    for kind in SENTENCES:
        assert why.reason(kind)


@given(
    st.sampled_from(list(Status)),
    st.sampled_from(["mail", "portal", "plain"]),
    st.sampled_from([*SENTENCES, "household", "", "no_authorization"]),
)
def test_any_message_can_be_explained(status: Status, way: str, code: str) -> None:
    seen = Evidence(stage=Stage.RCPT, host="mx.example.test", level="L2", code=250).to_dict()
    assert all(why.route(status, way, code, seen))
    labels = [label for label, _ in why.evidence(seen)]
    assert "Mail server" in labels
    assert "Certificate" not in labels
