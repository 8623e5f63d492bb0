"""Permits of messages that were decided: told in words, and computed again."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from consent import services as consent
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from consent.rules.starter import starter_form
from contacts import queries as contacts
from contacts.models import Contact
from delivery import permits
from delivery.models import Mailing, Message
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.post import Post

ANN, BOB = "ann@riverside-mail.test", "bob@riverside-mail.test"
OFFER = Use(Purpose.MARKETING, Remuneration.NONE, frozenset({Information.CLINICAL}))


@pytest.fixture
def sent(post: Post) -> Mailing:
    """An offer to two people, of whom one signed."""
    mailing = post.mailing(ANN, BOB, use=OFFER)
    with acting_for(post.organization.id):
        text = starter_form(post.organization.legal_name, "privacy@riverside.test")
        form = consent.save_draft(None, "Offers", text.to_json(), new_id())
        version = consent.publish(form, text, new_id())
        on = contacts.today() - timedelta(days=3)
        consent.record_authorization(
            consent.Signature(post.ids[ANN], version.id, on, "Ann Example", copy_given=True), None
        )
    post.send()
    return mailing


def said(command: str, key: UUID) -> str:
    out = StringIO()
    call_command(command, str(key), stdout=out)
    return out.getvalue()


def sql(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
    connections["owner"].close()


def test_a_permit_and_a_refusal_are_told_in_words(post: Post, sent: Mailing) -> None:
    permit = said("permit_show", post.message(ANN).id)
    assert "may be sent" in permit
    assert "Offers, version 1, signed on" in permit
    assert "[45 CFR 164.508(a)(3)(i)]" in permit
    assert sent.content_digest in permit
    assert str(sent.approved_by) in permit
    refusal = said("permit_show", post.message(BOB).id)
    assert "is not sent" in refusal
    assert "None was signed." in refusal
    for words in (permit, refusal):
        assert "@" not in words
        assert "Example" not in words.replace("Example.", "")


def test_a_message_that_nobody_knows_has_no_permit() -> None:
    with pytest.raises(CommandError):
        said("permit_show", new_id())
    with pytest.raises(CommandError):
        said("permit_verify", new_id())


def test_computing_them_again_comes_to_the_same(post: Post, sent: Mailing) -> None:
    """Also when everything has changed since."""
    with acting_for(post.organization.id):
        consent.revoke(
            Message.objects.get(contact=post.ids[ANN]).authorization_id,
            timezone.now(),
            "letter",
            None,
        )
        Contact.objects.update(deceased=True)
        consent.turn_on("ca-cmia", new_id())
    assert "2 permits are the same" in said("permit_verify", sent.id)
    assert "0 do not agree" in said("permit_verify", sent.reference)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE consent_permitevidence SET body = jsonb_set(body, '{verdict}', '\"permit\"')",
            "the stored grounds were altered",
        ),
        (
            "UPDATE delivery_message SET status = 'accepted', in_flight_since = NULL",
            "it was sent without a permit",
        ),
        (
            "UPDATE delivery_message SET authorization_id = NULL",
            "another authorization would carry it, or none",
        ),
        (
            "UPDATE delivery_mailing SET use = jsonb_set(use, '{sponsor}', '\"Acme\"')",
            "the grounds are about another use than the mailing's",
        ),
        ("UPDATE delivery_message SET evidence_id = NULL", "it was sent and has no permit"),
        (
            "DELETE FROM delivery_message WHERE status = 'suppressed'",
            "there are not as many messages as there were recipients",
        ),
        (
            "UPDATE delivery_mailing SET content_digest = repeat('0', 64)",
            "the stored content is not the one whose digest stands beside it",
        ),
        (
            'UPDATE consent_permitevidence SET body = body || \'{"rulings": {"x": "allow"}}\'',
            "the stored grounds were altered",
        ),
        (
            "UPDATE consent_authorization SET signer = 'representative'",
            "another authorization would carry it, or none",
        ),
    ],
)
def test_what_was_altered_since_is_found(
    post: Post, sent: Mailing, statement: str, words: str
) -> None:
    sql(statement)
    with acting_for(post.organization.id):
        found = permits.verify(Mailing.objects.get(id=sent.id))
    assert words in {problem for _, problem in found.problems}
    with pytest.raises(CommandError):
        said("permit_verify", sent.id)
