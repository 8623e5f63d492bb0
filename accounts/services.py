"""Making organizations, users and their second factors."""

from __future__ import annotations

import secrets
import zoneinfo
from collections.abc import Callable
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import recovery
from accounts.models import Membership, RecoveryCode, TotpDevice, User
from accounts.rules import Role, may_manage
from audit import services as audit
from tenancy.current import acting_for
from tenancy.keys import create_keys
from tenancy.models import Organization


class StaffProblem(ValueError):
    """Staff cannot be changed so. Says why, in plain words."""


_on_new_organization: list[Callable[[Organization], None]] = []


def on_new_organization(start: Callable[[Organization], None]) -> None:
    """Register what a higher app lays down in a new organization, such as its starter fields."""
    _on_new_organization.append(start)


def create_organization(
    *,
    slug: str,
    name: str,
    legal_name: str,
    postal_address: str,
    time_zone: str,
    link_origin: str,
    phone: str = "",
    tracking: bool = False,
) -> Organization:
    """Make an organization with its keys. Raises `ValidationError` in words for the operator."""
    if time_zone not in zoneinfo.available_timezones():
        raise ValidationError(f"{time_zone} is not a time zone. Use one such as America/Chicago.")
    organization = Organization(
        slug=slug,
        name=name,
        legal_name=legal_name,
        postal_address=postal_address,
        phone=phone,
        time_zone=time_zone,
        link_origin=link_origin.rstrip("/"),
        tracking=tracking,
    )
    organization.full_clean()
    with transaction.atomic():
        organization.save(force_insert=True)
        with acting_for(organization.id):
            create_keys()
            for start in _on_new_organization:
                start(organization)
            audit.record(
                "organization_created",
                object_type="organization",
                object_id=organization.id,
            )
    return organization


def add_member(organization: Organization, email: str, name: str, role: Role) -> User:
    """Give a person a role, making the user if there is none. The user has no password yet."""
    with acting_for(organization.id):
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            # Lower case: signing in and password mail look for it so.
            user = User.objects.create_user(email=email.lower(), name=name)
        membership, _ = Membership.objects.update_or_create(
            user=user, defaults={"role": role.value, "is_active": True}
        )
        audit.record(
            "member_added", object_type="membership", object_id=membership.id, role=role.value
        )
    return user


def add_colleague(organization: Organization, email: str, name: str, role: Role) -> User:
    """`add_member` for people who are not at work here. Raises `StaffProblem` for those who are.

    So nobody's role is changed by adding them once more.
    """
    with acting_for(organization.id):
        if Membership.objects.filter(user__email__iexact=email, is_active=True).exists():
            raise StaffProblem("This address belongs to somebody on your staff already.")
        return add_member(organization, email, name, role)


def end_access(membership_id: UUID, by: UUID, role: Role) -> None:
    """End a colleague's access to the current organization, from their next request on.

    `by` and `role` are those of the person who ends it. Raises `StaffProblem` in words.
    """
    # Two owners who end each other take turns, and the second finds one owner left.
    active = Membership.objects.select_for_update().filter(is_active=True).order_by("id")
    owners = list(active.filter(role=Role.OWNER.value))
    membership = active.filter(id=membership_id).first()
    if membership is None:
        raise StaffProblem("This person's access has ended already.")
    if membership.user_id == by:
        raise StaffProblem("You cannot end your own access. Ask a colleague to do it.")
    if not may_manage(role, Role(membership.role)):
        raise StaffProblem("Only an owner can end the access of an owner.")
    if [owner.id for owner in owners] == [membership_id]:
        raise StaffProblem("This is the last owner. Add another owner first.")
    Membership.objects.filter(id=membership_id).update(is_active=False)
    audit.record(
        "access_ended", object_type="membership", object_id=membership_id, role=membership.role
    )


def set_password(user: User, password: str) -> None:
    """Raises `ValidationError` if the password is too weak."""
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])


def start_totp(user: User) -> TotpDevice:
    """A fresh, unconfirmed authenticator app; earlier unconfirmed ones are dropped."""
    with transaction.atomic():
        TotpDevice.objects.filter(user=user, confirmed=False).delete()
        device = TotpDevice(user=user, name="authenticator app", confirmed=False)
        device.set_key(secrets.token_bytes(20))
        device.save()
    return device


def confirm_totp(device: TotpDevice, token: str) -> list[str] | None:
    """Confirm the app by its first code; returns ten recovery codes, or None for a wrong code."""
    if not device.verify_token(token):
        return None
    codes = recovery.new_codes()
    with transaction.atomic():
        TotpDevice.objects.filter(user=device.user, confirmed=True).delete()
        TotpDevice.objects.filter(pk=device.pk).update(confirmed=True)
        RecoveryCode.objects.filter(user=device.user).delete()
        RecoveryCode.objects.create(
            user=device.user,
            name="recovery codes",
            hashes=[recovery.digest(code) for code in codes],
        )
    device.refresh_from_db()
    return codes
