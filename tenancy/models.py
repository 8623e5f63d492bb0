"""Organizations, their wrapped keys, and the base of every tenant's table."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

import uuid_utils.compat
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tenancy.current import current_organization_id
from tenancy.managers import TenantManager

PLATFORM = UUID(int=0)
"""Stands for the installation itself: keys for what belongs to no organization, such as a user's
second factor. It is not a row of `Organization`."""


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): made before the insert, because sealing binds a value to its row."""
    return uuid_utils.compat.uuid7()


def first_id(moment: datetime) -> UUID:
    """The least id that `new_id` can make at a moment: ids begin with the milliseconds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def new_public_code() -> str:
    """Ten random characters that stand for an organization in links in mail."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(10))


class Organization(models.Model):
    """A clinic, hospital or plan. Holds no PHI: a link in a mail must find it without a log-in."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(unique=True, validators=[RegexValidator(r"^[a-z0-9-]+$")])
    name = models.CharField(max_length=120, help_text="As patients know it.")
    legal_name = models.CharField(max_length=200, help_text="As authorizations name it.")
    postal_address = models.CharField(
        max_length=300, help_text="Stands in every message (15 U.S.C. 7704(a)(5))."
    )
    phone = models.CharField(
        max_length=40, blank=True, help_text="Where a patient can ask if a message is genuine."
    )
    time_zone = models.CharField(max_length=60, help_text="Such as America/Chicago.")
    public_code = models.CharField(max_length=16, unique=True, default=new_public_code)
    link_origin = models.CharField(
        max_length=200,
        validators=[RegexValidator(r"^https?://[^/\s]+$", "Give an origin, without a path.")],
        help_text="Where links in mail lead, such as https://mail.example.org.",
    )
    tracking = models.BooleanField(
        default=False, help_text="Whether opens and clicks may be recorded at all."
    )
    legal_hold = models.BooleanField(default=False, help_text="While set, nothing is erased.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class KeyUse(models.TextChoices):
    """What a data key is for. Keys of different uses live and die separately."""

    PROFILE = "profile"
    INDEX = "index"
    MESSAGE = "message"
    AUTHORIZATION = "authorization"
    AUDIT = "audit"
    LINK = "link"
    SENDER = "sender"
    ACCOUNT = "account"


class TenantModel(models.Model):
    """Base of every table that belongs to an organization.

    The organization's foreign key has no constraint: the row-level policy already admits only the
    current one, and a look-up per inserted row is not free at a million rows.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        default=current_organization_id,
        editable=False,
        related_name="+",
    )

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class DataKey(models.Model):
    """One wrapped key. `organization_id` may be `PLATFORM`, hence no foreign key."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization_id = models.UUIDField(default=current_organization_id, editable=False)
    use = models.CharField(max_length=16, choices=KeyUse.choices)
    version = models.PositiveSmallIntegerField(default=1)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    active_from = models.DateTimeField(
        default=timezone.now, help_text="Opens before, but seals only from then on."
    )

    objects = TenantManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "use", "version"], name="tenancy_datakey_one_per_version"
            ),
            models.CheckConstraint(
                condition=Q(use__in=KeyUse.values), name="tenancy_datakey_known_use"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.use} {self.version}"


class Walk(TenantModel):
    """Work over every row of a kind in the background, such as sealing them under a newer key.

    Rows are taken in the order of their ids. `position` moves in the transaction that changes them,
    so that a worker that dies loses and repeats nothing.
    """

    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=40, blank=True)
    rank = models.PositiveSmallIntegerField(
        default=0, help_text="It waits for unfinished ones of its organization with a lower rank."
    )
    position = models.UUIDField(null=True)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "subject"],
                condition=Q(finished_at=None),
                name="tenancy_walk_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
