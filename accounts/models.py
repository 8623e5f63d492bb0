"""Users, their memberships, and their second factor."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from accounts import recovery
from accounts.rules import Role
from tenancy.keys import platform_keyring
from tenancy.models import TenantModel, new_id

ROLES = [(role.value, role.label) for role in Role]


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user: User = self.model(email=self.normalize_email(email), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person who signs in. Belongs to any number of organizations through memberships."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_any_case")]

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        return self.name


class Membership(TenantModel):
    """What a person may do in one organization."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=ROLES)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    everywhere = models.Manager["Membership"]()
    """For the question "where does this person belong?": the database shows a user's own rows."""

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user"], name="accounts_membership_one_per_user"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in Role]),
                name="accounts_membership_known_role",
            ),
        ]

    def __str__(self) -> str:
        return self.role


class TotpDevice(ThrottlingMixin, Device):
    """An authenticator app (RFC 6238). The shared key is sealed; each code is good once."""

    # django-otp wants whole numbers as keys; sealing wants an id before the insert.
    sealing_id = models.UUIDField(default=new_id, editable=False)
    sealed_key = models.BinaryField()
    last_step = models.BigIntegerField(default=-1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(confirmed=True),
                name="accounts_totpdevice_one_confirmed",
            )
        ]

    def __str__(self) -> str:
        return "authenticator app"

    def set_key(self, key: bytes) -> None:
        self.sealed_key = platform_keyring().seal(key, "accounts_totpdevice", self.sealing_id)

    @property
    def key(self) -> bytes:
        return platform_keyring().open(
            bytes(self.sealed_key), "accounts_totpdevice", self.sealing_id
        )

    def verify_token(self, token: str) -> bool:
        """True once per code. Failures slow further tries down (django-otp's throttling)."""
        with transaction.atomic():
            device = TotpDevice.objects.select_for_update().get(pk=self.pk)
            allowed, _ = device.verify_is_allowed()
            if not allowed or not token.isdigit():
                return False
            totp = TOTP(device.key)
            if not totp.verify(int(token), tolerance=1, min_t=device.last_step + 1):
                device.throttle_increment()
                return False
            device.last_step = totp.t()
            device.throttle_reset(commit=False)
            device.save()
            return True

    def get_throttle_factor(self) -> int:
        return 1


class RecoveryCode(ThrottlingMixin, Device):
    """The ten one-time codes a person keeps for the day the phone is gone. Stored as hashes."""

    hashes = models.JSONField(default=list)

    def __str__(self) -> str:
        return "recovery codes"

    def verify_token(self, token: str) -> bool:
        """True once per code."""
        with transaction.atomic():
            device = RecoveryCode.objects.select_for_update().get(pk=self.pk)
            allowed, _ = device.verify_is_allowed()
            digest = recovery.digest(token)
            if not allowed or digest not in device.hashes:
                if allowed:
                    device.throttle_increment()
                return False
            device.hashes = [kept for kept in device.hashes if kept != digest]
            device.throttle_reset(commit=False)
            device.save()
            return True

    def get_throttle_factor(self) -> int:
        return 1


def device_of(user_id: UUID) -> TotpDevice | None:
    """The person's confirmed authenticator app."""
    device: TotpDevice | None = TotpDevice.objects.filter(user_id=user_id, confirmed=True).first()
    return device
