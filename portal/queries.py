"""Reads of the portal: where a link leads, and what a message says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from consent import queries as consent
from consent.rules import shown
from consent.rules.forms import FormText
from consent.rules.purposes import use_from_json
from contacts import queries as contacts
from delivery import queries as delivery
from delivery.content import Rendered, render
from delivery.letters import ADDRESS, PICKUP_FACT, fixed_values
from delivery.models import Message
from portal.models import Pickup
from portal.rules import Door
from tenancy.models import Organization

if TYPE_CHECKING:
    from consent.models import Authorization, FormVersion

LANGUAGE_NAMES = {"en": "English", "es": "Español"}


def organization_of(code: str) -> Organization | None:
    """Whose links carry this code."""
    return Organization.objects.filter(public_code=code).first()


def known_fact(message: Message) -> str:
    """What the patient is asked for, as it was when the message was sent; empty if not known."""
    return str(delivery.merge_context(message).get(PICKUP_FACT) or "")


def read(message: Message, organization: Organization) -> Rendered:
    """The message as the patient reads it: its links lead straight to their destinations."""
    links = delivery.links(organization, message.id)
    fixed = fixed_values(organization, links.unsubscribe(), links.preferences())
    values = delivery.merge_context(message) | fixed
    return render(delivery.stored_content(message.mailing), values)


def door(message_id: UUID) -> Door:
    """How far the patient has got with a message."""
    row = Pickup.objects.filter(message_id=message_id).first()
    return door_of(row) if row else Door()


def door_of(row: Pickup) -> Door:
    return Door(row.code_sent_at, row.codes_sent, row.wrong_tries, row.locked_until)


def is_address_same(message: Message) -> bool:
    """Whether the message went to the address that its person has now. Whoever holds an old
    address may stop mail by an old link, and allow nothing; nor where it is not known any more."""
    then, now = address_then(message), address_now(message.contact_id)
    return bool(then) and then.casefold() == now.casefold()


def address_then(message: Message) -> str:
    """The address that the message was written to; empty if that is not known any more."""
    return str(delivery.merge_context(message).get(ADDRESS) or "")


def address_now(contact_id: UUID) -> str:
    """A person's address; empty if there is none."""
    person = contacts.opened([contact_id]).get(contact_id)
    return (person.email or "") if person else ""


@dataclass(frozen=True, slots=True)
class ShownForm:
    """A form on its page. `language` is the one shown; `languages` are those it can be read in, by
    code, if the choice is wider than that of the page's own language."""

    form: FormText
    parts: list[shown.Part]
    digest: str
    language: str
    languages: dict[str, str]

    @property
    def size(self) -> int:
        """The size of type, as far as the pages know sizes."""
        return min(max(self.form.type_points, 12), 18)


def shown_form(version: FormVersion, *wanted: str) -> ShownForm:
    """A version's text in the first wanted language there is."""
    form, languages = consent.form_in(version, *wanted), consent.languages_of(version)
    named = {each: LANGUAGE_NAMES.get(each.partition("-")[0], each) for each in languages}
    return ShownForm(
        form=form,
        parts=shown.parts(form),
        digest=shown.text_digest(form),
        language=form.language,
        languages=named if named.keys() - LANGUAGE_NAMES.keys() else {},
    )


@dataclass(frozen=True, slots=True)
class SignedPage:
    """What is left of a signed form on its page. `copy` is given, coming or missing; `live` says
    whether it is in force right now, `over` that it has come to its end."""

    id: UUID
    signed_on: date
    ends_on: date
    copy: str
    live: bool
    over: bool
    revoked: bool

    @property
    def stands(self) -> bool:
        """Whether it can be taken back: also while it is not in force, such as during a dispute."""
        return not (self.revoked or self.over)


def signed_page(authorization_id: UUID, contact_id: UUID) -> SignedPage:
    """How an authorization stands, for whoever signed it."""
    (found,) = (each for each in signed_pages(contact_id) if each.id == authorization_id)
    return found


def signed_pages(contact_id: UUID) -> list[SignedPage]:
    """A person's authorizations, the latest first. What they are for is not among it: a form's name
    may tell a diagnosis."""
    now = timezone.now()
    return [
        SignedPage(
            id=each.row.id,
            signed_on=each.row.signed_on,
            ends_on=each.last_day,
            copy=_copy(each.row),
            live=consent.is_live(each.authorization, now),
            over=each.row.expires_at <= now,
            revoked=not each.revocable,
        )
        for each in consent.standings(contact_id, now)
    ]


def _copy(authorization: Authorization) -> str:
    if authorization.copy_given_at is not None:
        return "given"
    return "coming" if delivery.is_on_its_way(authorization.id) else "missing"


def knows_birth_date(contact_id: UUID) -> bool:
    """Whether there is a date of birth to compare with, and it was not guessed at too often."""
    locked = consent.is_birth_date_locked(contact_id)
    return not locked and bool(consent.birth_date_of(contact_id))


def topic_of(message: Message) -> UUID | None:
    """The topic that the message was about, if people can still decline it."""
    topic = consent.topic(use_from_json(message.mailing.use).topic)
    return topic.id if topic else None


def topics(language: str, declined: Collection[UUID]) -> list[tuple[UUID, str, bool]]:
    """(id, name in the page's language, whether it is wanted) of each topic."""
    return [
        (
            each.id,
            each.name_es if language == "es" and each.name_es else each.name,
            each.id not in declined,
        )
        for each in consent.topics()
    ]
