"""What people asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from consent import models
from consent.queries.permits import standing_suppressions
from consent.queries.requests import address_of
from consent.rules import links
from consent.rules.decision import SuppressionReason, SuppressionScope
from contacts import queries as contacts
from contacts.models import Contact
from tenancy.keys import keyring, public_tokens
from tenancy.models import KeyUse

RESTRICTION_TABLE = "consent_restriction"
CONFIRMATION_TABLE = "consent_addressconfirmation"
BY_PERSON = {SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED}
"""What a person said, and may take back."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """A person's standing wishes. `stopped` holds the scopes in which no mail goes to the address,
    `stopped_by_us` those that only the organization can open again."""

    declined_topics: frozenset[UUID] = frozenset()
    most_per_month: int | None = None
    paused_until: date | None = None
    track: bool = True
    plain_mail: bool = False
    stopped: frozenset[SuppressionScope] = field(default_factory=frozenset)
    stopped_by_us: frozenset[SuppressionScope] = field(default_factory=frozenset)


def wishes_of(contact_id: UUID) -> Wishes:
    """What is in force for one person."""
    row = models.Preference.objects.filter(contact_id=contact_id).first() or models.Preference()
    person = contacts.opened([contact_id]).get(contact_id)
    if person is None or person.email is None:
        return Wishes()
    tokens = contacts.address_tokens(person.email)
    standing = [each for found in standing_suppressions(tokens).values() for each in found]
    plain = models.PlainMailWish.objects.filter(
        contact_id=contact_id, address_token__in=tokens, withdrawn_at=None
    )
    return Wishes(
        declined_topics=frozenset(row.declined_topics),
        most_per_month=row.most_per_month,
        paused_until=row.paused_until,
        track=row.track,
        plain_mail=plain.exists(),
        stopped=frozenset(each.scope for each in standing),
        stopped_by_us=frozenset(each.scope for each in standing if each.reason not in BY_PERSON),
    )


def wants_no_offers(contact_id: UUID) -> bool:
    """Whether somebody stopped or paused what is promotional, or asked to be left out of anything:
    then no rule of ours writes to them about it."""
    wishes = wishes_of(contact_id)
    stopped = wishes.stopped & {SuppressionScope.ALL, SuppressionScope.MARKETING}
    paused = wishes.paused_until is not None and contacts.today() < wishes.paused_until
    restricted = models.Restriction.objects.filter(contact_id=contact_id, ended_at=None)
    return bool(stopped) or paused or restricted.exists()


def confirmed_address(confirmation: models.AddressConfirmation) -> str:
    """The address that a question is about."""
    ring, sealed = keyring(KeyUse.AUTHORIZATION), bytes(confirmation.sealed_address)
    return ring.open(sealed, CONFIRMATION_TABLE, confirmation.id).decode()


def untracked(contact_ids: Collection[UUID]) -> set[UUID]:
    """Who does not want opens and clicks counted."""
    rows = models.Preference.objects.filter(contact_id__in=contact_ids, track=False)
    return set(rows.values_list("contact_id", flat=True))


def topics(also_retired: bool = False) -> list[models.Topic]:
    """What people may decline by itself, by name."""
    rows = models.Topic.objects.order_by("name")
    return list(rows if also_retired else rows.filter(retired_at=None))


def topic(topic_id: UUID | None) -> models.Topic | None:
    """A topic that people can still decline."""
    return next((each for each in topics() if each.id == topic_id), None)


def restrictions_of(contact_id: UUID) -> list[models.Restriction]:
    """What a person asked to be left out of, the latest first; ended ones too."""
    rows = models.Restriction.objects.filter(contact_id=contact_id)
    return list(rows.order_by("-received_on", "-recorded_at"))


def restriction_note(restriction: models.Restriction) -> str:
    """What the person asked, in words; empty once it was erased."""
    if restriction.sealed_note is None:
        return ""
    ring = keyring(KeyUse.AUTHORIZATION)
    sealed = bytes(restriction.sealed_note)
    return ring.open(sealed, RESTRICTION_TABLE, restriction.id).decode()


def confirmations_of(contact_id: UUID) -> list[models.AddressConfirmation]:
    """The addresses that a person was asked to confirm, the latest first."""
    rows = models.AddressConfirmation.objects.filter(contact_id=contact_id)
    return list(rows.order_by("-asked_at"))


def plain_mail_wishes_of(contact_id: UUID) -> list[models.PlainMailWish]:
    """When a person wished for mail that may travel unencrypted, the latest first."""
    return list(models.PlainMailWish.objects.filter(contact_id=contact_id).order_by("-given_at"))


def confirm_address(confirmation: models.AddressConfirmation) -> str:
    """The page on which an address is confirmed."""
    return address_of(links.CONFIRM, confirmation.id)


def confirmation_of_token(token: str) -> models.AddressConfirmation | None:
    """What a public address leads to. Raises `UnknownToken` for a forged one."""
    found: models.AddressConfirmation | None = (
        models.AddressConfirmation.objects.select_related("contact")
        .filter(id=public_tokens().read(links.CONFIRM, token))
        .first()
    )
    return found


def people_to_confirm(after: UUID | None, limit: int) -> tuple[list[UUID], list[UUID]]:
    """The next contacts with an address, and those of them who may be asked whether it is theirs:
    no mail is stopped, and they were not asked before."""
    rows = Contact.objects.filter(email_token__isnull=False, deceased=False, erased_at=None)
    rest = rows.filter(id__gt=after) if after else rows
    people = list(rest.order_by("id").values_list("id", "email_token")[:limit])
    standing = standing_suppressions({token for _, token in people if token})
    stopped = {
        token
        for token, found in standing.items()
        if SuppressionScope.ALL in {each.scope for each in found}
    }
    asked = models.AddressConfirmation.objects.filter(contact_id__in=[who for who, _ in people])
    known = set(asked.values_list("contact_id", "address_token"))
    to_ask = [who for who, token in people if token not in stopped and (who, token) not in known]
    return [who for who, _ in people], to_ask


def keeps_wishes(contact_ids: Collection[UUID]) -> dict[UUID, str]:
    """Why contacts must stay: what the person asked for would be lost with them."""
    found: set[UUID] = set()
    for model in _ABOUT_A_PERSON:
        rows = model.objects.filter(contact_id__in=contact_ids)
        found |= set(rows.values_list("contact_id", flat=True))
    return dict.fromkeys(found, "the person was asked to sign, or said what they want")


_ABOUT_A_PERSON = (
    models.Preference,
    models.PlainMailWish,
    models.AddressConfirmation,
    models.SigningRequest,
    models.Restriction,
)
