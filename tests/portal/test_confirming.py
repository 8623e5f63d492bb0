"""Promise: an address is confirmed by its owner's act alone, and the words, time and place stay."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from threading import Event
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from consent import queries, services
from consent.models import AddressConfirmation, Alert, Suppression
from consent.rules.decision import SuppressionReason, SuppressionScope
from contacts import queries as contacts
from contacts.services.people import replace_profiles
from delivery.services.notices import send_letters
from tenancy.current import acting_for
from tenancy.keys import keyring
from tenancy.models import KeyUse, new_id
from tenancy.walks import run_walk, unfinished
from tests.portal.asked import ANN, BOB
from tests.portal.test_preferences import APPOINTMENT, WELLNESS
from tests.post import Post, ready_sender

pytestmark = pytest.mark.usefixtures("queue")


@pytest.fixture
def ann(post: Post, queue: object) -> UUID:
    """Ann, where addresses must be confirmed."""
    (ann,) = post.people(ANN)
    with acting_for(post.organization.id):
        ready_sender("Riverside Health", "care@riverside.test")
        services.change_policy(services.Policy(True, False, 8.0, 30), new_id())
    return ann


def path(post: Post) -> str:
    with acting_for(post.organization.id):
        address = queries.confirm_address(AddressConfirmation.objects.get())
    return address.removeprefix("https://mail.riverside.test")


def test_the_owner_confirms_by_one_press_and_looking_does_nothing(post: Post, ann: UUID) -> None:
    with acting_for(post.organization.id):
        services.ask_to_confirm(ann, new_id())
    assert send_letters(post.organization.id) == 1
    raw = post.world.store.messages_for(ANN)[-1].raw.replace(b"=\r\n", b"")
    url, browser = path(post), Client(enforce_csrf_checks=True)
    assert url.encode() in raw
    assert b"Pat0" not in raw
    page = unescape(browser.get(url).content.decode())
    assert "This is my email address. Riverside Health may write to me here." in page
    assert ANN not in page
    browser.head(url)
    browser.get(url, {"what": "confirm"})
    assert code(post, ann) == "unconfirmed"
    assert "Gracias" in browser.post(url + "?lang=es", {"what": "confirm"}).content.decode()
    assert code(post, ann) == "permit"
    with acting_for(post.organization.id):
        row = AddressConfirmation.objects.get()
        assert (
            row.wording == "Esta es mi dirección de correo. Riverside Health puede escribirme aquí."
        )
        ring = keyring(KeyUse.AUTHORIZATION)
        sealed = ring.open(bytes(row.sealed_address), "consent_addressconfirmation", row.id)
        assert sealed.decode() == ANN
        assert row.sent_at is not None
    first = row.confirmed_at
    browser.post(url, {"what": "confirm"})
    with acting_for(post.organization.id):
        row.refresh_from_db()
    assert (row.confirmed_at, row.wording[:4]) == (first, "Esta")


def code(post: Post, contact: UUID) -> str:
    with acting_for(post.organization.id):
        now = timezone.now()
        care = queries.decisions(APPOINTMENT, [contact], now)[contact]
        assert care.verdict.value == "permit", "mail about care does not wait for it"
        decision = queries.decisions(WELLNESS, [contact], now)[contact]
        return "permit" if decision.verdict.value == "permit" else decision.code


def test_everybody_is_asked_once_and_nobody_who_wants_no_mail(post: Post, ann: UUID) -> None:
    post.people(BOB, "cat@oldpost.test")
    riverside = post.organization.id
    for _ in range(2):
        with acting_for(riverside):
            services.suppress(BOB, SuppressionScope.ALL, SuppressionReason.UNSUBSCRIBED, "link")
            services.ask_everyone_to_confirm(new_id())
            (walk,) = unfinished()
        run_walk(riverside, walk.id)
        send_letters(riverside)
    assert len(post.world.store.messages_for(ANN)) == 1
    assert len(post.world.store.messages_for("cat@oldpost.test")) == 1
    assert not post.world.store.messages_for(BOB)


def test_a_new_address_has_to_be_confirmed_anew(post: Post, ann: UUID) -> None:
    with acting_for(post.organization.id):
        row = services.ask_to_confirm(ann, None)
        services.confirm(row.id, "Yes")
    assert code(post, ann) == "permit"
    with acting_for(post.organization.id):
        profile = {"record_number": "R0", "email": "ann@slowmail.test", "birth_date": "1950-06-07"}
        replace_profiles({ann: profile})
    assert code(post, ann) == "unconfirmed"
    with acting_for(post.organization.id):
        assert services.ask_to_confirm(ann, None).id != row.id
        assert services.ask_to_confirm(ann, None).confirmed_at is None


def test_without_a_sender_or_an_address_it_says_so(post: Post) -> None:
    (ann,) = post.people(ANN)
    with acting_for(post.organization.id):
        with pytest.raises(services.NotWishable, match="no sender"):
            services.ask_to_confirm(ann, None)
        with pytest.raises(services.NotWishable, match="No email address"):
            services.ask_to_confirm(new_id(), None)


def test_whoever_says_it_is_not_theirs_gets_nothing_more_and_staff_are_told(
    post: Post, ann: UUID
) -> None:
    with acting_for(post.organization.id):
        services.ask_to_confirm(ann, new_id())
    url, browser = path(post), Client(enforce_csrf_checks=True)
    assert "This is not my address" in browser.get(url).content.decode()
    browser.get(url, {"what": "deny"})
    assert code(post, ann) == "unconfirmed"
    with acting_for(post.organization.id):
        assert not Suppression.objects.exists()
    assert "Thank you for telling us" in browser.post(url, {"what": "deny"}).content.decode()
    with acting_for(post.organization.id):
        row, alert = Suppression.objects.get(), Alert.objects.get()
        assert (row.scope, row.reason, row.source) == ("all", "unsubscribed", "link")
        assert row.address_token == contacts.address_token(ANN)
        assert (alert.kind, alert.object_type, alert.object_id) == ("wrong_address", "contact", ann)
        assert AddressConfirmation.objects.get().confirmed_at is None
    assert send_letters(post.organization.id) == 0, "the letter that waited does not go"


def test_two_who_ask_at_once_ask_once(post: Post, ann: UUID) -> None:
    def ask() -> None:
        with acting_for(post.organization.id):
            services.ask_to_confirm(ann, None)
            gate.wait(timeout=1)

    gate = Event()
    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(in_thread, ask) for _ in range(2)]
        for each in asking:
            each.result()
    with acting_for(post.organization.id):
        assert AddressConfirmation.objects.count() == 1


def in_thread(act: Callable[[], None]) -> None:
    try:
        act()
    finally:
        connections.close_all()
