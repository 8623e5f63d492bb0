"""Signing in: password, then a code; nothing before both."""

from __future__ import annotations

import time
from unittest.mock import ANY

import pytest
from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse
from django_otp.oath import TOTP
from pytest_django import Settings

from accounts import services
from accounts.middleware import SEEN, STARTED
from accounts.models import TotpDevice, User
from accounts.rules import Role
from accounts.sessions import Session
from audit.models import Event
from tenancy.current import acting_for
from tests.people import PASSWORD, Room, verified_device

pytestmark = pytest.mark.usefixtures("no_rate_limits")


@pytest.fixture
def no_rate_limits() -> None:
    cache.clear()


@pytest.fixture
def person(room: Room) -> User:
    user = room.people[Role.MARKETER]
    services.set_password(user, PASSWORD)
    return user


def enter_password(user: User, password: str = PASSWORD) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": password})
    return client


def code_now(device: TotpDevice) -> str:
    return f"{TOTP(device.key).token():06}"


def test_a_password_alone_opens_nothing(room: Room, person: User) -> None:
    verified_device(person)
    client = enter_password(person)
    for path in ("", "contacts/", "campaigns/"):
        response = client.get(room.url(path))
        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("second_factor"))


def test_a_wrong_password_says_no_more_than_an_unknown_address(room: Room, person: User) -> None:
    wrong = Client().post(reverse("account_login"), {"login": person.email, "password": "x" * 12})
    unknown = Client().post(
        reverse("account_login"), {"login": "nobody@riverside.test", "password": "x" * 12}
    )
    assert wrong.context["form"].errors == unknown.context["form"].errors


def test_password_and_code_lead_in_and_a_code_is_good_once(room: Room, person: User) -> None:
    device = verified_device(person)
    code = code_now(device)
    client = enter_password(person)
    response = client.post(reverse("second_factor"), {"code": code, "next": room.url()})
    assert response.headers["Location"] == room.url()
    assert client.get(room.url()).status_code == 200
    again = enter_password(person)
    response = again.post(reverse("second_factor"), {"code": code})
    assert response.status_code == 200
    assert response.context["form"].errors == {"code": ANY}


def test_the_first_sign_in_sets_up_an_app_and_hands_out_codes(room: Room, person: User) -> None:
    client = enter_password(person)
    assert client.get(reverse("second_factor")).headers["Location"] == reverse(
        "second_factor_setup"
    )
    client.get(reverse("second_factor_setup"))
    device = TotpDevice.objects.get(user=person, confirmed=False)
    response = client.post(reverse("second_factor_setup"), {"code": code_now(device)})
    codes = response.context["codes"]
    assert len(set(codes)) == 10
    assert client.get(room.url()).status_code == 200
    spare = enter_password(person)
    spare.post(reverse("second_factor"), {"code": codes[3].upper()})
    assert spare.get(room.url()).status_code == 200
    used = enter_password(person)
    used.post(reverse("second_factor"), {"code": codes[3]})
    assert used.get(room.url()).status_code == 302


def test_guessing_codes_is_slowed_down(room: Room, person: User) -> None:
    device = verified_device(person)
    client = enter_password(person)
    client.post(reverse("second_factor"), {"code": "000000"})
    response = client.post(reverse("second_factor"), {"code": code_now(device)})
    assert "Wait a few seconds" in str(response.context["form"].errors)


def test_keys_and_codes_are_not_stored_in_clear(room: Room, person: User) -> None:
    device = services.start_totp(person)
    key = device.key
    codes = services.confirm_totp(device, code_now(device))
    assert codes
    stored = TotpDevice.objects.get(pk=device.pk)
    assert key not in bytes(stored.sealed_key)
    assert codes[0] not in str(person.recoverycode_set.get().hashes)  # type: ignore[attr-defined]


def test_sessions_are_stored_hashed(room: Room, person: User) -> None:
    client = room.client(person)
    key = client.cookies["sealwright_session"].value
    assert Session.objects.count() == 1
    assert not Session.objects.filter(session_key=key).exists()


@pytest.mark.parametrize(("field", "seconds"), [(SEEN, 16 * 60), (STARTED, 12 * 3600 + 60)])
def test_a_session_ends_on_the_server(room: Room, field: str, seconds: int) -> None:
    client = room.client(Role.MARKETER)
    assert client.get(room.url()).status_code == 200
    session = client.session
    session[field] = time.time() - seconds
    session.save()
    assert client.get(room.url()).headers["Location"].startswith(reverse("account_login"))


def test_somebody_in_two_organizations_chooses(room: Room) -> None:
    services.add_member(room.lakeside, "marketer@riverside.test", "", Role.ANALYST)
    client = room.client(Role.MARKETER)
    page = client.get(reverse("home"))
    assert [place.organization.slug for place in page.context["places"]] == [
        "lakeside",
        "riverside",
    ]
    assert client.get("/o/lakeside/").status_code == 200
    assert client.get("/o/lakeside/contacts/").status_code == 403


def test_a_refused_page_is_in_the_log(room: Room) -> None:
    assert room.client(Role.ANALYST).get(room.url("contacts/")).status_code == 403
    assert room.client(room.stranger).get(room.url("contacts/")).status_code == 404
    with acting_for(room.riverside.id):
        refused = Event.objects.filter(action="page_refused").order_by("id")
        assert [event.details["reason"] for event in refused] == ["role", "not a member"]
        assert [event.actor_id for event in refused] == [
            room.people[Role.ANALYST].id,
            room.stranger.id,
        ]


@pytest.mark.parametrize(("proxies", "counted"), [(0, "10.0.0.9"), (1, "198.51.100.7")])
def test_limits_count_by_the_address_that_a_trusted_proxy_saw(
    rf: RequestFactory, settings: Settings, proxies: int, counted: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    claimed = {"X-Forwarded-For": "203.0.113.1, 198.51.100.7"}
    request = rf.post(reverse("account_login"), headers=claimed, REMOTE_ADDR="10.0.0.9")
    assert get_adapter().get_client_ip(request) == counted


OPEN_TO_EVERYBODY = {
    "account_login",
    "account_logout",
    "account_inactive",
    "account_change_password",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
}


def test_nobody_changes_the_address_that_memberships_are_given_to(room: Room) -> None:
    from accounts import sign_in_urls

    client = room.client(Role.ANALYST)
    for entry in sign_in_urls.urlpatterns:
        name = str(entry.name)
        if name not in OPEN_TO_EVERYBODY:
            assert client.get(reverse(name)).status_code == 404, name
            assert client.post(reverse(name), {"email": "x@y.test"}).status_code == 404, name
    assert client.get("/accounts/email/").status_code == 404


def test_a_session_gets_a_new_key_when_the_code_is_accepted(room: Room, person: User) -> None:
    device = verified_device(person)
    client = enter_password(person)
    before = client.cookies["sealwright_session"].value
    client.post(reverse("second_factor"), {"code": code_now(device)})
    assert client.cookies["sealwright_session"].value != before
    stale = Client()
    stale.cookies["sealwright_session"] = before
    assert stale.get(room.url()).headers["Location"].startswith(reverse("account_login"))
