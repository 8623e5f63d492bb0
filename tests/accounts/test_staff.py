"""Adding colleagues, ending their access, and what the log keeps of it."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from accounts import services
from accounts.management.commands import create_organization
from accounts.models import Membership, User
from accounts.rules import Role
from audit.models import Event
from tenancy.current import acting_for
from tenancy.models import Organization
from tests.people import PASSWORD, Room

MAYA = {"name": "Maya Lindqvist", "email": "Maya@Riverside.test", "role": "marketer"}


@pytest.fixture(autouse=True)
def no_rate_limits() -> None:
    cache.clear()


def membership_of(room: Room, user: User) -> Membership:
    with acting_for(room.riverside.id):
        found: Membership = Membership.objects.get(user=user)
        return found


def add(room: Room, by: Role, **more: str) -> str:
    """Fill in the form; returns the page that follows."""
    answer = room.client(by).post(room.url("staff/new/"), MAYA | more, follow=True)
    return answer.content.decode()


def end(room: Room, by: Role | User, whom: User) -> str:
    """Press the button; returns the page that follows."""
    path = room.url(f"staff/{membership_of(room, whom).id}/end/")
    return room.client(by).post(path, follow=True).content.decode()


def events(room: Room, action: str) -> list[Event]:
    with acting_for(room.riverside.id):
        return list(Event.objects.filter(action=action).order_by("id"))


def test_a_colleague_is_added_and_chooses_a_password_by_mail(room: Room) -> None:
    page = add(room, Role.ADMINISTRATOR)
    assert "Maya Lindqvist" in page
    [letter] = mail.outbox
    assert letter.to == ["maya@riverside.test"]
    [link] = re.findall(r"http://testserver(/\S+)", letter.body)
    browser = Client()
    form = browser.get(link, follow=True)
    browser.post(form.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD})
    maya = User.objects.get(email="maya@riverside.test")
    assert maya.check_password(PASSWORD)
    added = events(room, "member_added")[-1]
    assert added.object_id == membership_of(room, maya).id
    assert added.actor_id == room.people[Role.ADMINISTRATOR].id
    assert added.details == {"role": "marketer"}


def test_nobody_is_added_without_the_mail(room: Room, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    assert "nobody was added" in add(room, Role.OWNER)
    assert not User.objects.filter(email="maya@riverside.test").exists()


def test_adding_somebody_once_more_changes_no_role(room: Room) -> None:
    page = add(room, Role.ADMINISTRATOR, email="OWNER@riverside.test", role="analyst")
    assert "on your staff already" in page
    assert membership_of(room, room.people[Role.OWNER]).role == "owner"
    assert mail.outbox == []


def test_owners_are_made_and_ended_by_owners_alone(room: Room) -> None:
    assert "Select a valid choice" in add(room, Role.ADMINISTRATOR, role="owner")
    owner = room.people[Role.OWNER]
    assert "Only an owner" in end(room, Role.ADMINISTRATOR, owner)
    assert membership_of(room, owner).is_active
    assert "Maya Lindqvist" in add(room, Role.OWNER, role="owner")
    maya = User.objects.get(email="maya@riverside.test")
    assert "has no access any more" in end(room, maya, owner)
    assert not membership_of(room, owner).is_active


def test_an_ended_access_ends_where_the_person_is_signed_in_now(room: Room) -> None:
    marketer = room.people[Role.MARKETER]
    browser = room.client(marketer)
    assert browser.get(room.url("contacts/")).status_code == 200
    assert "has no access any more" in end(room, Role.ADMINISTRATOR, marketer)
    assert browser.get(room.url("contacts/")).status_code == 404
    assert browser.get("/").status_code == 200
    [ended] = events(room, "access_ended")
    assert ended.object_id == membership_of(room, marketer).id
    assert "ended already" in end(room, Role.ADMINISTRATOR, marketer)


def test_an_ended_colleague_can_be_added_again(room: Room) -> None:
    marketer = room.people[Role.MARKETER]
    end(room, Role.OWNER, marketer)
    add(room, Role.OWNER, email=marketer.email, role="analyst")
    again = membership_of(room, marketer)
    assert (again.is_active, again.role) == (True, "analyst")


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMINISTRATOR])
def test_nobody_ends_their_own_access(room: Room, role: Role) -> None:
    assert "your own access" in end(room, role, room.people[role])
    assert membership_of(room, room.people[role]).is_active


def test_the_last_owner_stays(room: Room) -> None:
    owner, somebody = membership_of(room, room.people[Role.OWNER]), UUID(int=0)
    with (
        acting_for(room.riverside.id),
        pytest.raises(services.StaffProblem, match="last owner"),
    ):
        services.end_access(owner.id, by=somebody, role=Role.OWNER)


def test_asking_first_ends_nothing(room: Room) -> None:
    marketer = room.people[Role.MARKETER]
    path = room.url(f"staff/{membership_of(room, marketer).id}/end/")
    assert marketer.name in room.client(Role.OWNER).get(path).content.decode()
    assert membership_of(room, marketer).is_active


def test_entering_an_organization_is_logged_once_per_session(room: Room) -> None:
    browser = room.client(Role.ANALYST)
    browser.get(room.url("contacts/"))  # refused, and yet they came in
    browser.get(room.url())
    room.client(Role.ANALYST).get(room.url())
    entered = events(room, "organization_entered")
    assert [event.actor_id for event in entered] == [room.people[Role.ANALYST].id] * 2
    room.client(room.stranger).get(room.url())
    assert len(events(room, "organization_entered")) == 2


@pytest.mark.parametrize("tracking", [True, False])
def test_an_organization_is_made_with_or_without_tracking(
    db: None, monkeypatch: pytest.MonkeyPatch, tracking: bool
) -> None:
    monkeypatch.setattr(create_organization, "getpass", lambda _: PASSWORD)
    call_command(
        "create_organization",
        "hillside",
        *("--name", "Hillside", "--legal-name", "Hillside, Inc."),
        *("--postal-address", "1 Hill Road, Springfield, IL 62701"),
        *("--time-zone", "America/Chicago", "--link-origin", "https://mail.hillside.test"),
        *("--owner-email", "owner@hillside.test", "--owner-name", "Olivia Grant"),
        *(["--tracking"] if tracking else []),
        verbosity=0,
    )
    assert Organization.objects.get(slug="hillside").tracking is tracking
