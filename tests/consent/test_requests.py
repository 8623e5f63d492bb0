"""Asking for signatures: who may be asked, how letters go out, and renewals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from celery import current_app
from django.utils import timezone

from audit.models import Event as AuditEvent
from consent import queries, services, tasks
from consent.models import Alert, Authorization, FormVersion, SigningRequest
from consent.rules.authorization import Method
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.purposes import Purpose
from consent.rules.renewal import Step
from contacts import queries as contacts
from contacts.services.people import replace_profiles
from contacts.vetoes import unmergeable
from delivery.models import SenderDomain
from delivery.services.notices import send_letters
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.consent.signed import people, published, signed
from tests.people import Room
from tests.post import Post, ready_sender

ANN, GREY = "ann@riverside-mail.test", "dan@slowmail.test"
UNSURE = "ann@drops-after-dot.test"
GONE = "gone.eve@riverside-mail.test"


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    sent: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    return sent


@pytest.fixture
def here(room: Room) -> Iterator[Room]:
    """Inside Riverside, which has a sender; what is written is rolled back."""
    with acting_for(room.riverside.id):
        ready_sender("Riverside Health", "care@riverside.test")
        yield room


@pytest.fixture
def ann(here: Room) -> UUID:
    return people(1)[0]


def test_asked_twice_it_is_one_request(here: Room, ann: UUID) -> None:
    version, officer = published(here.riverside), new_id()
    first = services.ask(ann, version.id, "desk", officer)
    assert first.send_at is None
    assert first.expires_at - first.asked_at <= timedelta(days=1, minutes=1)
    again = services.ask(ann, version.id, "mail", officer)
    assert (again.id, again.channel) == (first.id, "mail"), "and the letter goes out after all"
    assert again.send_at is not None
    assert again.expires_at - again.asked_at >= timedelta(days=29)
    assert services.ask(ann, version.id, "desk", officer).channel == "mail"
    assert SigningRequest.objects.count() == 1


def test_one_that_ran_out_makes_room_for_a_new_one(here: Room, ann: UUID) -> None:
    version = published(here.riverside)
    first = services.ask(ann, version.id, "desk", None)
    SigningRequest.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert services.ask(ann, version.id, "desk", None).id != first.id
    first.refresh_from_db()
    assert first.outcome == "failed"


def test_who_cannot_be_asked_and_why(here: Room, ann: UUID) -> None:
    version = published(here.riverside)
    with pytest.raises(services.NotAskable, match="no such patient"):
        services.ask(new_id(), version.id, "mail", None)
    replace_profiles({ann: {"record_number": "R0", "birth_date": "1950-06-07"}})
    with pytest.raises(services.NotAskable, match="No email address"):
        services.ask(ann, version.id, "mail", None)
    services.ask(ann, version.id, "desk", None)
    profile = {"record_number": "R0", "email": ANN, "birth_date": "1950-06-07"}
    replace_profiles({ann: profile})
    services.suppress(ANN, SuppressionScope.ALL, SuppressionReason.UNSUBSCRIBED, "link")
    with pytest.raises(services.NotAskable, match="No email may go"):
        services.ask(ann, version.id, "mail", None)
    replace_profiles({ann: profile | {"deceased": True}})
    with pytest.raises(services.NotAskable, match="has died"):
        services.ask(ann, version.id, "desk", None)


def test_without_a_sender_that_is_ready_nobody_is_asked_by_mail(room: Room) -> None:
    with acting_for(room.riverside.id):
        (ann,), form = people(1), published(room.riverside).id
        for address in ("care@new.test", "care@not-checked-yet.test"):
            with pytest.raises(services.NotAskable, match="no sender whose domain is ready"):
                services.ask(ann, form, "mail", None)
            create_sender("Care", address)


def test_who_was_asked_is_not_merged_away(here: Room, ann: UUID) -> None:
    assert unmergeable(ann) == []
    services.ask(ann, published(here.riverside).id, "desk", None)
    assert unmergeable(ann) == ["the person was asked to sign, or said what they want"]


def asked(post: Post, address: str) -> UUID:
    (contact,) = post.people(address)
    with acting_for(post.organization.id):
        ready_sender("Riverside Health", "care@riverside.test")
        version = published(post.organization)
        found: UUID = services.ask(contact, version.id, "mail", new_id()).id
    return found


def request(post: Post) -> SigningRequest:
    with acting_for(post.organization.id):
        found: SigningRequest = SigningRequest.objects.get()
        return found


def test_the_queue_gets_the_organization_alone(
    post: Post, queue: list[tuple[str, list[str]]]
) -> None:
    asked(post, ANN)
    assert queue == [("delivery.send_letters", [str(post.organization.id)])]


def test_a_server_that_says_not_now_is_asked_again(post: Post, queue: object) -> None:
    asked(post, GREY)
    assert send_letters(post.organization.id) == 1
    row = request(post)
    assert row.sent_at is None
    assert row.send_at is not None
    assert row.send_at > timezone.now()
    assert send_letters(post.organization.id) == 0, "not before its time"
    with acting_for(post.organization.id):
        SigningRequest.objects.update(send_at=timezone.now())
    send_letters(post.organization.id)
    assert request(post).sent_at is not None
    assert request(post).send_at is None
    assert len(post.world.store.messages_for(GREY)) == 1


def test_a_letter_waits_while_its_sender_s_domain_is_not_ready(post: Post, queue: object) -> None:
    asked(post, ANN)
    with acting_for(post.organization.id):
        SenderDomain.objects.update(aligned_at=None)
    assert send_letters(post.organization.id) == 0
    assert not post.world.store.recent(10)
    with acting_for(post.organization.id):
        SenderDomain.objects.update(aligned_at=timezone.now())
        SigningRequest.objects.update(send_at=timezone.now())
    assert send_letters(post.organization.id) == 1


def test_a_letter_that_is_refused_for_good_raises_a_task(post: Post, queue: object) -> None:
    request_id = asked(post, GONE)
    send_letters(post.organization.id)
    assert (request(post).outcome, request(post).send_at) == ("failed", None)
    with acting_for(post.organization.id):
        alert = Alert.objects.get()
        assert (alert.kind, alert.object_id) == ("request_failed", request_id)
        stopped = queries.wishes_of(post.ids[GONE]).stopped
        assert stopped == {SuppressionScope.ALL}
    send_letters(post.organization.id)
    assert not post.world.store.messages_for(GONE)


def test_after_two_days_of_trying_it_is_given_up(post: Post, queue: object) -> None:
    asked(post, "bob@always-451.test")
    with acting_for(post.organization.id):
        SigningRequest.objects.update(asked_at=timezone.now() - timedelta(hours=49))
    send_letters(post.organization.id)
    assert request(post).outcome == "failed"


def test_a_worker_that_died_leaves_the_letter_to_the_next(post: Post, queue: object) -> None:
    asked(post, ANN)
    now = timezone.now()
    with acting_for(post.organization.id):
        assert len(services.claim_letters(20, now)) == 1
        assert services.claim_letters(20, now) == []
        later = now + timedelta(minutes=16)
        (letter,) = services.claim_letters(20, later)
    assert letter.link not in repr(letter)


def test_a_letter_that_may_have_been_taken_is_not_sent_again(post: Post, queue: object) -> None:
    asked(post, UNSURE)
    assert send_letters(post.organization.id) == 1
    row = request(post)
    assert (row.send_at, row.outcome) == (None, "")
    assert row.sent_at is not None


@pytest.mark.parametrize("answer", ["signed", "declined"])
def test_who_has_answered_gets_no_letter_any_more(post: Post, queue: object, answer: str) -> None:
    request_id = asked(post, GREY)
    now = timezone.now()
    with acting_for(post.organization.id):
        (letter,) = services.claim_letters(20, now)
        SigningRequest.objects.update(outcome=answer, send_at=None)
        services.letter_deferred(letter, now)
        assert SigningRequest.objects.get(id=request_id).send_at is None
        SigningRequest.objects.update(send_at=now)
        assert services.claim_letters(20, now) == []


def test_who_has_confirmed_is_not_asked_any_more(post: Post, queue: object) -> None:
    (ann,) = post.people(ANN)
    now = timezone.now()
    with acting_for(post.organization.id):
        ready_sender("Riverside Health", "care@riverside.test")
        row = services.ask_to_confirm(ann, None)
        (letter,) = services.claim_letters(20, timezone.now())
        services.confirm(row.id, "Yes")
        services.letter_deferred(letter, now)
        row.refresh_from_db()
        assert row.send_at is None


# Renewals.


def expiring(version: FormVersion, contact: UUID, days: int) -> Authorization:
    """An authorization of a year's form that ends in so many days."""
    today = timezone.localdate()
    return signed(contact, version, on=today - timedelta(days=365 - days))


def test_before_the_end_the_person_is_asked_once_and_reminded_once(here: Room, ann: UUID) -> None:
    version = published(here.riverside)
    authorization = expiring(version, ann, 100)
    now = timezone.now()
    assert queries.ending_soon(now) == []
    end = authorization.expires_at
    steps = [
        services.renew(authorization.id, end - timedelta(days=left)).value
        for left in (40, 29, 28, 20, 9, 8, 7, 3, 1)
    ]
    assert steps == [
        *("nothing", "ask", "nothing", "nothing", "remind"),
        *("nothing", "nothing", "nothing", "nothing"),
    ]
    row = SigningRequest.objects.get()
    assert (row.renews_id, row.asked_by, row.channel) == (authorization.id, None, "mail")
    assert row.reminded_at is not None
    assert row.expires_at >= authorization.expires_at
    actions = AuditEvent.objects.values_list("action", flat=True)
    assert {"signature_asked_for", "signature_reminded_of"} <= set(actions)


def test_who_signed_again_or_took_it_back_or_unsubscribed_is_left_alone(here: Room) -> None:
    version = published(here.riverside)
    signed_again, taken_back, unsubscribed, plain = everybody = people(4)
    ending = {who: expiring(version, who, 20) for who in everybody}
    now = timezone.now()
    signed(signed_again, version)
    services.revoke(ending[taken_back].id, now, "letter", None)
    services.stop_mail(unsubscribed, SuppressionScope.MARKETING, "link")
    assert ending[taken_back].id not in queries.ending_soon(now)
    steps = {who: services.renew(row.id, now).value for who, row in ending.items()}
    assert steps == {
        signed_again: "nothing",
        taken_back: "nothing",
        unsubscribed: "nothing",
        plain: "ask",
    }


WISHES_AGAINST: dict[str, Callable[[UUID], object]] = {
    "unsubscribed": lambda ann: services.stop_mail(ann, SuppressionScope.MARKETING, "link"),
    "stopped": lambda ann: services.stop_mail(ann, SuppressionScope.ALL, "link"),
    "paused": lambda ann: services.change_preferences(
        ann, services.Wanted(frozenset(), None, contacts.today() + timedelta(days=30), True)
    ),
    "restricted": lambda ann: services.restrict(
        ann, [Purpose.MARKETING], "", contacts.today(), new_id()
    ),
}


@pytest.mark.parametrize("wish", WISHES_AGAINST)
def test_a_wish_counts_before_asking_before_reminding_and_before_the_letter(
    here: Room, wish: str
) -> None:
    version = published(here.riverside)
    before, after = people(2)
    WISHES_AGAINST[wish](before)
    one, other = expiring(version, before, 20), expiring(version, after, 20)
    assert services.renew(one.id, timezone.now()) == Step.NOTHING
    assert services.renew(other.id, timezone.now()) == Step.ASK
    WISHES_AGAINST[wish](after)
    assert services.renew(other.id, other.expires_at - timedelta(days=8)) == Step.NOTHING


def test_a_rule_s_letter_that_waits_is_dropped_when_its_person_unsubscribes(
    post: Post, queue: object
) -> None:
    (ann,) = post.people(ANN)
    with acting_for(post.organization.id):
        ready_sender("Riverside Health", "care@riverside.test")
        old = expiring(published(post.organization), ann, 20)
        assert services.renew(old.id, timezone.now()) == Step.ASK
        services.stop_mail(ann, SuppressionScope.MARKETING, "link")
    send_letters(post.organization.id)
    assert not post.world.store.messages_for(ANN)
    row = request(post)
    assert (row.send_at, row.outcome) == (None, "failed")
    with acting_for(post.organization.id):
        assert not Alert.objects.exists(), "nobody has to see to it"


def test_of_two_that_end_together_one_no_is_enough(here: Room, ann: UUID) -> None:
    version = published(here.riverside)
    first, second = expiring(version, ann, 20), expiring(version, ann, 20)
    now = timezone.now()
    assert services.renew(first.id, now) == Step.ASK
    services.decline(SigningRequest.objects.get().id)
    assert services.renew(second.id, now) == Step.NOTHING
    assert services.renew(first.id, now) == Step.NOTHING
    assert SigningRequest.objects.count() == 1


def test_a_renewal_signed_on_the_page_replaces_the_old_one(here: Room, ann: UUID) -> None:
    version = published(here.riverside)
    old = expiring(version, ann, 20)
    now = timezone.now()
    services.renew(old.id, now)
    row = SigningRequest.objects.get()
    signature = services.Signature(
        ann, version.id, contacts.today(), "Ann", method=Method.ELECTRONIC
    )
    services.sign(row.id, signature)
    assert services.renew(old.id, now + timedelta(days=11)).value == "nothing"
    assert SigningRequest.objects.count() == 1


def test_where_nobody_is_to_be_asked_nobody_is(here: Room, ann: UUID) -> None:
    services.change_policy(services.Policy(False, False, 8.0, 0), new_id())
    old = expiring(published(here.riverside), ann, 5)
    assert queries.ending_soon(timezone.now()) == []
    assert services.renew(old.id, timezone.now()).value == "nothing"


def test_the_job_goes_through_every_organization(
    post: Post, queue: list[tuple[str, list[str]]], committed_room: Room
) -> None:
    (ann,) = post.people(ANN)
    with acting_for(post.organization.id):
        ready_sender("Riverside Health", "care@riverside.test")
        expiring(published(post.organization), ann, 20)
    tasks.ask_to_renew()
    renewals = [args for name, args in queue if name == "consent.renew"]
    assert sorted(renewals) == sorted(
        [[str(committed_room.riverside.id)], [str(committed_room.lakeside.id)]]
    )
    for args in renewals:
        tasks.renew(*args)
    assert request(post).renews_id is not None
    tasks.renew(str(post.organization.id))
    request(post)
