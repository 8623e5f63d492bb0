"""Who is in the room: two organizations, a person for each role, and a stranger."""

from __future__ import annotations

from dataclasses import dataclass

import django_otp
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client

from accounts import services
from accounts.models import TotpDevice, User
from accounts.rules import Role
from accounts.sessions import SessionStore
from tenancy.models import Organization

PASSWORD = "correct horse battery"


@dataclass
class Room:
    """`people` are Riverside's staff by role; `stranger` owns Lakeside and nothing else."""

    riverside: Organization
    lakeside: Organization
    people: dict[Role, User]
    stranger: User

    def client(self, who: Role | User) -> Client:
        """A browser in which this person is signed in and verified."""
        return signed_in(self.people[who] if isinstance(who, Role) else who)

    def url(self, path: str = "") -> str:
        return f"/o/{self.riverside.slug}/{path}"


def make_room() -> Room:
    riverside = make_organization("riverside", "Riverside Health")
    lakeside = make_organization("lakeside", "Lakeside Clinic")
    people = {
        role: services.add_member(riverside, f"{role.value}@riverside.test", role.label, role)
        for role in Role
    }
    stranger = services.add_member(lakeside, "owner@lakeside.test", "Sam Stranger", Role.OWNER)
    return Room(riverside, lakeside, people, stranger)


def make_organization(slug: str, name: str) -> Organization:
    return services.create_organization(
        slug=slug,
        name=name,
        legal_name=f"{name}, Inc.",
        postal_address="1 River Road, Springfield, IL 62701",
        phone="+1 555 0100",
        time_zone="America/Chicago",
        link_origin="http://testserver",
        tracking=True,
    )


def verified_device(user: User) -> TotpDevice:
    device = TotpDevice.objects.filter(user=user, confirmed=True).first()
    if device is None:
        device = services.start_totp(user)
        device.confirmed = True
        device.save()
    return device


def signed_in(user: User) -> Client:
    """The session that signing in with password and code leaves behind."""
    client = Client()
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[django_otp.DEVICE_ID_SESSION_KEY] = verified_device(user).persistent_id
    session.create()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client
