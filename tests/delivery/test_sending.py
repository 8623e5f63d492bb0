"""Promises 1 to 3 and 9, over real mail servers: permits, protection, accounting, stopping."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from uuid import UUID

from django.utils import timezone

from consent import services as consent
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from consent.rules.starter import starter_form
from consent.services import suppress
from contacts import queries as contacts
from delivery import queries
from delivery.rules import MailingStatus, Status
from delivery.services import mailings
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.post import DIAGNOSIS, Post

GOOD, NO_TLS = "ann@riverside-mail.test", "bob@plainmail.test"
EXPIRED, GREY = "cat@oldpost.test", "dan.of.sending@slowmail.test"
GONE = "gone.eve@riverside-mail.test"


def test_each_recipient_takes_the_way_that_protects_the_content(post: Post) -> None:
    mailing = post.mailing(GOOD, NO_TLS, EXPIRED, GREY, GONE)
    post.send()
    assert post.statuses() == {
        GOOD: Status.ACCEPTED,
        NO_TLS: Status.IN_PORTAL,
        EXPIRED: Status.IN_PORTAL,
        GREY: Status.QUEUED,
        GONE: Status.FAILED,
    }
    assert post.message(GONE).reason == "recipient_gone"
    post.due_now()
    post.send()
    assert post.message(GREY).status == Status.ACCEPTED
    with acting_for(post.organization.id):
        mailing.refresh_from_db()
        progress = queries.progress(mailing.id)
    assert mailing.status == MailingStatus.FINISHED
    assert progress.total == mailing.audience == 5


def test_content_arrives_over_verified_tls_and_notices_hold_no_phi(post: Post) -> None:
    post.mailing(GOOD, NO_TLS)
    post.send()
    (arrived,) = post.world.store.messages_for(GOOD)
    assert arrived.tls_version in ("TLSv1.2", "TLSv1.3")
    message = BytesParser(policy=policy.default).parsebytes(arrived.raw)
    body = message.get_body(("html",))
    assert body is not None
    assert "Diabetes" in body.get_content()
    assert DIAGNOSIS not in str(message.items()).casefold()
    assert "List-Unsubscribe-Post" in message
    (notice,) = post.world.store.messages_for(NO_TLS)
    assert notice.plaintext
    text = notice.raw.replace(b"=\r\n", b"")
    assert DIAGNOSIS.encode() not in text.lower()
    assert b"Pat0" not in text
    assert b"Pat1" not in text
    assert f"/{post.organization.public_code}/message/".encode() in text


def test_without_a_permit_nothing_is_sent(post: Post) -> None:
    paid = Use(
        Purpose.MARKETING, Remuneration.PAID, frozenset({Information.DEMOGRAPHIC}), "Acme Gyms"
    )
    post.mailing(GOOD, use=paid)
    post.send()
    message = post.message(GOOD)
    assert (message.status, message.reason) == (Status.SUPPRESSED, "no_authorization")
    with acting_for(post.organization.id):
        message.refresh_from_db()
        assert message.evidence is not None
        assert message.evidence.body["reasons"][0]["citation"].startswith("45 CFR 164.508")
    assert not post.world.store.messages_for(GOOD)


def test_a_wish_that_comes_after_the_launch_counts(post: Post) -> None:
    post.mailing(GOOD, NO_TLS)
    with acting_for(post.organization.id):
        suppress(GOOD, SuppressionScope.ALL, SuppressionReason.UNSUBSCRIBED, "link")
    post.send()
    assert post.message(GOOD).reason == "unsubscribed"
    assert post.message(NO_TLS).status == Status.IN_PORTAL


def test_a_revocation_between_launch_and_dispatch_counts(post: Post) -> None:
    paid = Use(
        Purpose.MARKETING, Remuneration.PAID, frozenset({Information.DEMOGRAPHIC}), "Acme Gyms"
    )
    post.mailing(GOOD, NO_TLS, use=paid)
    kept, taken_back = post.ids[GOOD], post.ids[NO_TLS]
    with acting_for(post.organization.id):
        signed = authorize(post, [kept, taken_back])
        consent.revoke(signed[taken_back], timezone.now(), "letter", None)
    post.send()
    message = post.message(GOOD)
    assert (message.status, message.reason) == (Status.ACCEPTED, "")
    assert post.message(GOOD).authorization_id == signed[kept]
    message = post.message(NO_TLS)
    assert (message.status, message.reason) == (Status.SUPPRESSED, "revoked")
    assert not post.world.store.messages_for(NO_TLS)


def authorize(post: Post, people: list[UUID]) -> dict[UUID, UUID]:
    """Signed authorizations for paid marketing; contact to authorization."""
    text = starter_form(post.organization.legal_name, "privacy@riverside.test", "Acme Gyms")
    form = consent.save_draft(None, "Offers", text.to_json(), new_id())
    version = consent.publish(form, text, new_id())
    return {
        person: consent.record_authorization(
            consent.Signature(person, version.id, contacts.today(), "A. Patient", copy_given=True),
            None,
        ).id
        for person in people
    }


def test_paused_means_paused_and_stopped_means_stopped(post: Post) -> None:
    mailing = post.mailing(GOOD, NO_TLS)
    with acting_for(post.organization.id):
        mailings.pause(mailing.id)
    assert post.send() == 0
    with acting_for(post.organization.id):
        mailings.resume(mailing.id)
        mailings.pause(mailing.id)
        assert mailings.stop(mailing.id) == 2
    assert post.send() == 0
    assert set(post.statuses().values()) == {Status.STOPPED}
    assert not post.world.store.recent(1)


def test_an_address_that_is_gone_is_not_tried_again(post: Post) -> None:
    post.mailing(GONE)
    post.send()
    second = post.mailing(GONE)
    post.send()
    with acting_for(post.organization.id):
        progress = queries.progress(second.id)
    assert progress.reasons["suppressed"]["bounced"] == 1
