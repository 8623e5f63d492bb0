"""Check 34: a warned wish frees that contact and address alone, after verified TLS has failed; and
what a household reads holds no content."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from consent import services
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from contacts import queries as contacts
from contacts.services import save_many
from delivery import queries
from delivery.models import Message
from delivery.rules import Status
from tenancy.current import acting_for
from tests.post import DIAGNOSIS, TREATMENT, Post, clean

GOOD, NO_TLS = "ann@riverside-mail.test", "bob@plainmail.test"
OTHER_NO_TLS, CARE = "carl@plainmail.test", "dora@riverside-mail.test"
WARNING = "Other people could read it on its way."


def wish(post: Post, address: str) -> None:
    with acting_for(post.organization.id):
        services.wish_plain_mail(post.ids[address], WARNING, "paper", None)


def arrived(post: Post, address: str) -> bytes:
    return post.world.store.messages_for(address)[-1].raw.replace(b"=\r\n", b"").lower()


def test_check_34_a_warned_wish_frees_that_contact_and_address_alone(post: Post) -> None:
    post.mailing(GOOD, NO_TLS, OTHER_NO_TLS)
    wish(post, GOOD)
    wish(post, NO_TLS)
    post.send()
    good, free, other = post.message(GOOD), post.message(NO_TLS), post.message(OTHER_NO_TLS)
    assert (good.status, good.route) == (Status.ACCEPTED, "mail"), "verified TLS is tried first"
    assert good.protection["level"] == "L2"
    assert (free.status, free.route) == (Status.ACCEPTED, "plain")
    assert free.protection["level"] == "L0"
    assert DIAGNOSIS.encode() in arrived(post, NO_TLS)
    assert (other.status, other.route) == (Status.IN_PORTAL, "portal")
    assert DIAGNOSIS.encode() not in arrived(post, OTHER_NO_TLS)


def test_check_34_withdrawing_puts_the_next_attempt_back_to_the_portal(post: Post) -> None:
    post.mailing(NO_TLS)
    wish(post, NO_TLS)
    with acting_for(post.organization.id):
        # As after a failed attempt: the next one would go plain.
        message = post.message(NO_TLS)
        message.route = "plain"
        message.save(update_fields=["route"])
        services.withdraw_plain_mail(post.ids[NO_TLS])
    post.send()
    message = post.message(NO_TLS)
    assert (message.status, message.route) == (Status.IN_PORTAL, "portal")
    assert DIAGNOSIS.encode() not in arrived(post, NO_TLS)


def test_check_34_the_evidence_says_that_the_wish_was_there(post: Post) -> None:
    post.mailing(NO_TLS)
    wish(post, NO_TLS)
    post.send()
    message = post.message(NO_TLS)
    with acting_for(post.organization.id):
        message.refresh_from_db()
        assert message.evidence is not None
        assert message.evidence.body["facts"]["plain_mail"] is True


def test_a_household_mailbox_gets_a_notice_where_the_message_tells_more(post: Post) -> None:
    with acting_for(post.organization.id):
        save_many([clean(77, GOOD)])
    post.mailing(GOOD)
    post.send()
    with acting_for(post.organization.id):
        person = contacts.opened([post.ids[GOOD]])[post.ids[GOOD]]
    assert person.household
    message = post.message(GOOD)
    assert (message.status, message.route, message.reason) == (
        Status.IN_PORTAL,
        "portal",
        "household",
    )
    assert DIAGNOSIS.encode() not in arrived(post, GOOD)


def test_only_promotional_mail_that_arrived_counts_as_received(post: Post) -> None:
    wellness = Use(
        Purpose.GENERAL_WELLNESS, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC})
    )
    hour_ago = timezone.now() - timedelta(hours=1)
    post.mailing(CARE, use=TREATMENT)
    post.mailing(GOOD, "gone.eve@riverside-mail.test", use=wellness)
    ids = dict(post.ids)
    post.send()
    with acting_for(post.organization.id):
        got = queries.promotional_received(ids.values(), hour_ago)
        assert got == {ids[GOOD]: 1}
        assert queries.promotional_received(ids.values(), timezone.now()) == {}


def test_what_is_in_the_air_or_uncertain_counts_as_received_too(post: Post) -> None:
    """Two campaigns at once do not exceed what somebody wants a month."""
    wellness = Use(
        Purpose.GENERAL_WELLNESS, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC})
    )
    post.mailing(GOOD, use=wellness)
    message, now = post.message(GOOD), timezone.now()
    with acting_for(post.organization.id):
        rows = Message.objects.filter(id=message.id)
        rows.update(status=Status.TRANSMITTING, in_flight_since=now)
        hour_ago = now - timedelta(hours=1)
        assert queries.promotional_received([message.contact_id], hour_ago)
        rows.update(status=Status.UNCERTAIN, in_flight_since=None, settled_at=now)
        assert queries.promotional_received([message.contact_id], hour_ago)
        assert not queries.promotional_received([message.contact_id], timezone.now())


def test_the_notice_says_why_the_message_waits(post: Post) -> None:
    with acting_for(post.organization.id):
        save_many([clean(77, GOOD)])
    post.mailing(GOOD, NO_TLS)
    post.send()
    post.send()
    shared, unprotected = arrived(post, GOOD), arrived(post, NO_TLS)
    assert b"other people may read this mailbox" in shared
    assert b"could not be reached" not in shared
    assert b"could not be reached" in unprotected
