"""Promise: a form is signed by the patient or a representative, by one explicit act, or it is not;
saying no changes nothing, and taking it back is as easy."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from datetime import datetime, timedelta
from email import policy
from email.parser import BytesParser

import pytest
from django.core.signing import TimestampSigner, b62_encode
from django.test import Client
from django.utils import timezone

from audit.models import Event as AuditEvent
from consent import queries, services
from consent.models import AddressConfirmation, Alert, Revocation, SigningRequest
from consent.rules import words
from consent.rules.authorization import Signer
from consent.rules.purposes import Information
from consent.rules.shown import shown_text
from consent.rules.starter import starter_form
from contacts.models import Contact
from contacts.services import erase
from contacts.services.people import replace_profiles
from delivery.models import Message
from delivery.rules import Status
from delivery.services.copies import use_of
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.people import Room
from tests.portal.asked import ANN, BOB, BORN, SIGNED, Asked, hidden
from tests.post import DIAGNOSIS, Post

pytestmark = pytest.mark.usefixtures("queue")


class HalfAnHourAgo(TimestampSigner):
    def timestamp(self) -> str:
        return b62_encode(int(time.time()) - 31 * 60)


@pytest.fixture
def asked(post: Post, queue: object) -> Asked:
    return Asked(post)


def test_the_letter_says_neither_what_for_nor_to_whom(asked: Asked) -> None:
    raw = asked.letter()
    message = BytesParser(policy=policy.default).parsebytes(raw)
    body = message.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "Riverside Health asks you to read a form" in message["Subject"]
    assert "You do not have to sign" in text
    assert asked.post.organization.postal_address in text
    assert asked.url in text
    assert "Pat0" not in text
    assert "offers" not in text.casefold()
    assert DIAGNOSIS not in text
    assert asked.request.sent_at is not None


def test_signing_keeps_the_exact_text_the_act_and_the_moment(asked: Asked) -> None:
    before = timezone.now()
    page = asked.read()
    assert "You do not have to sign" in page
    assert "It ends 12 months after you sign." in page
    assert "checked" not in page
    assert "Pat0" not in page
    assert ANN not in page
    done = asked.sign()
    assert "The form is signed" in done
    (row,) = asked.signed()
    assert (row.method, row.signer, row.recorded_by) == ("electronic", Signer.SELF, None)
    kept = asked.evidence()
    assert kept["signer_name"] == "Ann Example"
    evidence = kept["evidence"]
    assert isinstance(evidence, dict)
    with acting_for(asked.post.organization.id):
        shown = shown_text(queries.form_in(asked.version))
    assert evidence["text_digest"] == hashlib.sha256(shown.encode()).hexdigest()
    for paragraph in shown.split("\n"):
        assert paragraph in page
    assert evidence["act"] == words.ACT["en"]
    assert evidence["act"] in page
    assert evidence["statement"] in page
    assert evidence["form_digest"] == asked.version.digest
    assert (evidence["channel"], evidence["page_language"]) == ("mail", "en")
    assert before <= datetime.fromisoformat(str(evidence["signed_at"])) <= timezone.now()
    assert datetime.fromisoformat(str(evidence["signed_at"])).utcoffset() == timedelta(0)
    request = asked.request
    assert (request.outcome, request.authorization_id) == ("signed", row.id)


def test_one_document_one_act_and_a_second_press_signs_nothing_more(asked: Asked) -> None:
    sent = hidden(asked.read())
    asked.sign()
    assert "The form is signed" in asked.act({"what": "sign", "text_digest": "0" * 64})
    asked.act({"what": "sign", "signer": "self", "name": "A", "read": "on", **sent})
    assert len(asked.signed()) == 1


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("read", "Tick the box"),
        ("name", "Type your full name"),
        ("signer", "Say who is signing"),
    ],
)
def test_without_every_part_of_the_act_nothing_is_signed(
    asked: Asked, missing: str, said: str
) -> None:
    page = asked.sign(**{missing: ""})
    assert said in page
    assert 'value="Ann Example"' in page or missing == "name", "what was typed is not lost"
    assert not asked.signed()


def test_check_9_a_representative_must_say_what_gives_the_authority(asked: Asked) -> None:
    page = asked.sign(signer="representative", name="Mary Example")
    assert "say what allows you to" in page
    assert not asked.signed()
    asked.sign(signer="representative", name="Mary Example", authority="mother of a minor")
    (row,) = asked.signed()
    assert row.signer == Signer.REPRESENTATIVE
    kept = asked.evidence()
    assert (kept["signer_name"], kept["authority"]) == ("Mary Example", "mother of a minor")


def test_five_wrong_dates_of_birth_end_the_request(asked: Asked) -> None:
    for _ in range(4):
        assert "does not match" in asked.read(day="8")
    assert "can no longer be signed" in asked.read(day="8")
    assert "can no longer be signed" in asked.sign()
    assert not asked.signed()
    assert (asked.request.outcome, asked.request.wrong_tries) == ("failed", 5)
    with acting_for(asked.post.organization.id):
        events = AuditEvent.objects.filter(action="signer_not_recognized")
        assert [each.details["ended"] for each in events.order_by("id")] == [False] * 4 + [True]


def test_without_a_date_of_birth_on_record_the_page_says_whom_to_ask(asked: Asked) -> None:
    with acting_for(asked.post.organization.id):
        replace_profiles({asked.contact: {"record_number": "R0", "email": ANN}})
    assert "ask Riverside Health for a paper form" in asked.page()
    assert not asked.signed()


def test_check_8_saying_no_changes_nothing_and_can_be_changed(post: Post) -> None:
    post.mailing(ANN)
    asked = Asked(post)
    page = asked.act({"what": "decline"})
    assert "Nothing changes" in page
    assert asked.request.outcome == "declined"
    assert not asked.signed()
    post.send()
    assert post.message(ANN).status == Status.ACCEPTED, "mail about care goes on"
    assert "Your answer" in asked.read("?again=1")
    asked.sign("?again=1")
    assert len(asked.signed()) == 1
    assert asked.request.outcome == "signed"


def test_taking_it_back_takes_one_step_and_cannot_be_undone(asked: Asked) -> None:
    assert "Take it back" in asked.sign()
    assert "You took it back" in asked.act({"what": "revoke"})
    with acting_for(asked.post.organization.id):
        revocation = Revocation.objects.get()
        assert (revocation.how, revocation.recorded_by) == ("page", None)
    assert "You took it back" in asked.sign()
    assert len(asked.signed()) == 1


def test_whoever_only_looks_signs_nothing(asked: Asked) -> None:
    for fetch in (Client().get, Client().head):
        fetch(asked.url, {"what": "sign", "signer": "self", "name": "A", "read": "on", **BORN})
        fetch(asked.url, {"what": "decline"})
    assert asked.request.outcome == ""
    assert not asked.signed()


def test_the_form_is_signed_in_the_language_it_was_read_in(post: Post) -> None:
    asked = Asked(post, translated=True)
    page = asked.read("?lang=es")
    assert "No tiene que firmar" in page
    assert "Termina 12 meses después de que firme." in page
    asked.sign("?lang=es")
    (row,) = asked.signed()
    assert row.language == "es"
    evidence = asked.evidence()["evidence"]
    assert isinstance(evidence, dict)
    assert (evidence["act"], evidence["page_language"]) == (words.ACT["es"], "es")


def test_a_text_that_is_not_the_one_on_the_page_is_not_signed(post: Post) -> None:
    asked = Asked(post, translated=True)
    english = hidden(asked.read())["text_digest"]
    page = asked.sign("?lang=es", text_digest=english)
    assert "ha cambiado" in page
    assert not asked.signed()


def test_the_type_is_as_large_as_the_form_promises(post: Post) -> None:
    asked = Asked(post, text={"type_points": 14})
    assert 'class="signed-text type-14"' in asked.read()


def test_a_request_that_ran_out_or_whose_person_is_gone_is_over(asked: Asked) -> None:
    with acting_for(asked.post.organization.id):
        SigningRequest.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert "can no longer be signed" in asked.page()
    assert "can no longer be signed" in asked.act({"what": "decline"})
    assert asked.request.outcome == ""
    url = asked.url
    with acting_for(asked.post.organization.id):
        erase(asked.contact, timezone.now())
    assert asked.browser.get(url).status_code == 404


def test_links_that_lead_nowhere_look_like_any_other(asked: Asked, committed_room: Room) -> None:
    token = asked.url.rsplit("/", 1)[1]
    here, elsewhere = asked.post.organization.public_code, committed_room.lakeside.public_code
    wrong = [
        f"/{elsewhere}/sign/{token}",
        f"/{here}/confirm/{token}",
        f"/{here}/preferences/{token}",
        f"/{here}/unsubscribe/{token}",
        f"/{here}/sign/{'A' * 43}",
        "/aaaaaaaaaa/sign/x",
    ]
    answers = [Client().get(url) for url in wrong]
    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1


def test_signing_by_a_mailed_link_confirms_the_address_and_at_the_desk_does_not(
    post: Post,
) -> None:
    asked = Asked(post)
    asked.letter()
    asked.sign()
    with acting_for(post.organization.id):
        row = AddressConfirmation.objects.get()
        assert (row.contact_id, row.channel) == (asked.contact, "signature")
        assert row.confirmed_at is not None
    desk = Asked(post, BOB, "desk")
    assert "No email" not in desk.page()
    with acting_for(post.organization.id):  # the letter went out as well, but the code was used
        services.ask(desk.contact, desk.version.id, "mail", None)
    desk.letter()
    desk.sign()
    with acting_for(post.organization.id):
        assert AddressConfirmation.objects.count() == 1


def test_signing_confirms_the_address_that_the_letter_went_to_and_no_newer_one(
    asked: Asked,
) -> None:
    asked.letter()
    with acting_for(asked.post.organization.id):
        profile = {"record_number": "R0", "email": BOB, "birth_date": "1950-06-07"}
        replace_profiles({asked.contact: profile})
    asked.sign()
    with acting_for(asked.post.organization.id):
        assert not AddressConfirmation.objects.exists()


def test_the_link_alone_shows_no_text_neither_before_signing_nor_after(asked: Asked) -> None:
    with acting_for(asked.post.organization.id):
        title = queries.form_in(asked.version).title
    assert title not in asked.page()
    assert title not in asked.read(day="8")
    assert title not in asked.act({"what": "sign", "shown": f"{asked.request_id}:x:y"})
    assert title in asked.read()
    assert title in asked.sign(), "whoever signed may print it"
    assert "It was signed on" in asked.page()
    assert title not in asked.page()
    assert title not in asked.read(day="9")
    assert title in asked.read()
    assert asked.request.outcome == "signed"


def test_what_was_shown_lets_nobody_sign_later_or_another_form(asked: Asked, post: Post) -> None:
    sent = hidden(asked.read())
    other = Asked(post, BOB)
    assert "open for too long" in other.act({**SIGNED, **sent})
    assert not other.signed()
    old = HalfAnHourAgo(salt="portal.sign").sign(str(asked.request_id))
    assert "open for too long" in asked.act({**SIGNED, **sent, "shown": old})
    assert not asked.signed()


def test_ten_wrong_dates_on_all_pages_together_lock_until_staff_allow_it(asked: Asked) -> None:
    for day in range(8, 12):
        asked.read(day=str(day))
    again = Asked(asked.post)
    for day in range(12, 16):
        again.read(day=str(day))
    third = Asked(asked.post)
    for day in range(16, 18):
        third.read(day=str(day))
    assert "cannot be signed here" in third.page()
    third.read()
    again.read()
    assert not asked.signed()
    with acting_for(asked.post.organization.id):
        alert = Alert.objects.get()
        assert (alert.kind, alert.object_id) == ("birth_date_guessed", asked.contact)
        services.reset_birth_date_tries(asked.contact, new_id())
    third.sign()
    assert len(asked.signed()) == 1


def test_what_is_not_in_force_right_now_can_be_taken_back_too(asked: Asked) -> None:
    asked.sign()
    (row,) = asked.signed()
    with acting_for(asked.post.organization.id):
        services.dispute(row.id, "other", None)
    assert "not in force" in asked.page()
    assert "You took it back" in asked.act({"what": "revoke"})
    with acting_for(asked.post.organization.id):
        assert Revocation.objects.get().authorization_id == row.id


def test_a_copy_waits_in_the_portal_where_others_read_the_mailbox(asked: Asked) -> None:
    with acting_for(asked.post.organization.id):
        Contact.objects.filter(id=asked.contact).update(household=True)
    asked.sign()
    asked.post.send()
    raw = asked.post.world.store.messages_for(ANN)[-1].raw
    text = BytesParser(policy=policy.default).parsebytes(raw).get_body(("plain",))
    assert text is not None
    said = " ".join(text.get_content().split())
    assert "Signed by" not in said
    assert "Other people may read this mailbox too" in said
    assert "could not be reached" not in said
    (row,) = asked.signed()
    assert row.copy_given_at is not None


def test_the_copy_of_a_consent_for_special_records_may_go() -> None:
    text = starter_form("Riverside", "privacy@riverside.test")
    special = {Information.PART2, Information.PSYCHOTHERAPY_NOTES}
    for each in special:
        use = use_of(replace(text, categories=frozenset({each})))
        assert use.information == {Information.DEMOGRAPHIC, Information.CLINICAL}
    assert use_of(text).information == text.categories


def test_check_10_the_signer_gets_the_exact_text_by_protected_mail(asked: Asked) -> None:
    assert "on its way" in asked.sign()
    asked.post.send()
    copy = asked.post.world.store.messages_for(ANN)[-1]
    assert copy.tls_version in ("TLSv1.2", "TLSv1.3")
    message = BytesParser(policy=policy.default).parsebytes(copy.raw)
    assert message["Subject"] == "Your copy"
    body = message.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().split())
    with acting_for(asked.post.organization.id):
        shown = shown_text(queries.form_in(asked.version))
    for paragraph in shown.split("\n"):
        assert " ".join(paragraph.split()) in text
    assert "Signed by Ann Example on " in text
    assert f"/{asked.post.organization.public_code}/preferences/" in text
    (row,) = asked.signed()
    assert row.copy_given_at is not None
    assert "We sent you a copy" in asked.page()
    with acting_for(asked.post.organization.id):
        (sent,) = Message.objects.filter(mailing__reference=row.id)
        assert (sent.mailing.kind, sent.mailing.tracking) == ("copy", False)
        assert sent.evidence_id is not None


def test_check_10_a_copy_that_cannot_be_delivered_raises_a_task(post: Post) -> None:
    asked = Asked(post, "gone.eve@riverside-mail.test", "desk")
    asked.sign()
    post.send()
    (row,) = asked.signed()
    assert row.copy_given_at is None
    with acting_for(post.organization.id):
        alert = Alert.objects.get()
        assert (alert.kind, alert.object_type) == ("copy_failed", "authorization")
        assert alert.object_id == row.id
    assert "could not send you a copy" in asked.page()


def test_braces_and_tags_in_a_form_are_text_in_its_copy(post: Post) -> None:
    odd = "You would get {{ conditions }} and {% if x %} <b>bold</b> offers {#."
    asked = Asked(post, text={"recipient": odd})
    asked.sign(name="{{ first_name }} <i>Ann</i>")
    post.send()
    message = BytesParser(policy=policy.default).parsebytes(
        post.world.store.messages_for(ANN)[-1].raw
    )
    body = message.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().split())
    assert odd in text
    assert "{{ first_name }} <i>Ann</i>" in text
    assert DIAGNOSIS not in text.casefold()
