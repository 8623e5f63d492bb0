"""What people ask for: how much mail, about what, how protected, and to which address."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from audit import services as audit
from consent import posting, queries
from consent.models import (
    AddressConfirmation,
    PlainMailWish,
    Preference,
    Restriction,
    SigningRequest,
    Suppression,
    Topic,
)
from consent.queries import CONFIRMATION_TABLE, RESTRICTION_TABLE
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.purposes import Purpose
from consent.rules.words import CONFIRMATION, page_language
from consent.services.alerts import raise_alert
from consent.services.birth_dates import locked_preference
from consent.services.letters import hand_out
from consent.services.suppressions import lift, suppress
from contacts import queries as contacts
from contacts.queries import OpenedContact
from tenancy.keys import keyring
from tenancy.models import KeyUse
from tenancy.walks import Step, start_walk

PEOPLE_AT_ONCE = 200


class NotWishable(Exception):
    """This can't be recorded; the message says why, in words."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much promotional mail somebody wants. None in `most_per_month` is no limit."""

    declined_topics: frozenset[UUID]
    most_per_month: int | None
    paused_until: date | None
    track: bool


def change_preferences(contact_id: UUID, wanted: Wanted) -> None:
    """Counts from the next decision on. Nothing is left to choose for somebody erased."""
    if not contacts.opened([contact_id]):
        return
    row = locked_preference(contact_id)
    row.declined_topics = sorted(wanted.declined_topics)
    row.most_per_month = wanted.most_per_month
    row.paused_until = wanted.paused_until
    row.track = wanted.track
    row.changed_at = timezone.now()
    row.save()
    audit.record("preferences_changed", object_type="contact", object_id=contact_id)


def decline_topic(contact_id: UUID, topic_id: UUID) -> None:
    """No more mail of this topic; the others go on. Two topics declined at once are both kept."""
    if not contacts.opened([contact_id]):
        return
    now = locked_preference(contact_id)
    declined = frozenset(now.declined_topics) | {topic_id}
    wanted = Wanted(declined, now.most_per_month, now.paused_until, now.track)
    change_preferences(contact_id, wanted)


def stop_mail(contact_id: UUID, scope: SuppressionScope, source: str) -> None:
    """The person wants no such mail any more. Nothing is left to stop for somebody erased."""
    person = contacts.opened([contact_id]).get(contact_id)
    if person is not None and person.email is not None:
        suppress(person.email, scope, SuppressionReason.UNSUBSCRIBED, source)


def allow_mail(contact_id: UUID, scope: SuppressionScope) -> None:
    """The person takes back what they said against such mail. What we stopped stays stopped."""
    person = contacts.opened([contact_id]).get(contact_id)
    if person is None or person.email is None:
        return
    rows = Suppression.objects.filter(
        address_token__in=contacts.address_tokens(person.email),
        scope=scope.value,
        reason__in=[each.value for each in queries.BY_PERSON],
        lifted_at=None,
    )
    for reason in set(rows.values_list("reason", flat=True)):
        standing = rows.filter(reason=reason).first()
        if standing is not None:  # lifting one lifts it under every token
            lift(standing.id, "The person asked for it on the page.", None)


def wish_plain_mail(contact_id: UUID, warning: str, channel: str, by: UUID | None) -> PlainMailWish:
    """A warned person prefers mail that may travel unencrypted, to the address they have now.

    `warning` is the text that was read. Raises `NotWishable` without an address.
    """
    person = _person_with_address(contact_id)
    row: PlainMailWish
    row, is_new = PlainMailWish.objects.get_or_create(
        contact_id=contact_id,
        address_token=contacts.address_token(person.email or ""),
        withdrawn_at=None,
        defaults={"warning": warning, "channel": channel, "recorded_by": by},
    )
    if is_new:
        audit.record(
            "plain_mail_wished_for", object_type="contact", object_id=contact_id, channel=channel
        )
    return row


def withdraw_plain_mail(contact_id: UUID) -> None:
    """Back to protected mail, from the next attempt on, at every address."""
    standing = PlainMailWish.objects.filter(contact_id=contact_id, withdrawn_at=None)
    list(standing.select_for_update())  # waits for a walk that copies them, to find the copies too
    if standing.update(withdrawn_at=timezone.now()):
        audit.record("plain_mail_withdrawn", object_type="contact", object_id=contact_id)


def restrict(
    contact_id: UUID, purposes: Collection[Purpose], note: str, received_on: date, by: UUID
) -> Restriction:
    """Leave somebody out of mail for these purposes (45 CFR 164.522(a)). The note is sealed.

    Raises `NotWishable`.
    """
    if not purposes:
        raise NotWishable("Choose at least one kind of message.")
    if received_on > contacts.today():
        raise NotWishable("A request can't have been received in the future.")
    row = Restriction(
        contact_id=contact_id,
        purposes=sorted(each.value for each in purposes),
        received_on=received_on,
        recorded_by=by,
    )
    if note.strip():
        ring = keyring(KeyUse.AUTHORIZATION)
        row.sealed_note = ring.seal(note.strip().encode(), RESTRICTION_TABLE, row.id)
    row.save(force_insert=True)
    audit.record(
        "restriction_recorded",
        object_type="restriction",
        object_id=row.id,
        contact=str(contact_id),
    )
    return row


def end_restriction(restriction_id: UUID, by: UUID) -> None:
    """Such mail may go again from now on."""
    row = Restriction.objects.select_for_update().get(id=restriction_id)
    if row.ended_at is None:
        row.ended_at, row.ended_by = timezone.now(), by
        row.save(update_fields=["ended_at", "ended_by"])
        audit.record("restriction_ended", object_type="restriction", object_id=row.id)


def create_topic(name: str, name_es: str, by: UUID) -> Topic:
    """A topic that people may decline by itself. Raises `NotWishable`."""
    row: Topic = Topic(created_by=by)
    _name(row, name, name_es)
    row.save(force_insert=True)
    audit.record("topic_created", object_type="topic", object_id=row.id)
    return row


def rename_topic(topic_id: UUID, name: str, name_es: str) -> None:
    """Whoever declined it has declined it under its new name too. Raises `NotWishable`."""
    row = Topic.objects.select_for_update().get(id=topic_id)
    _name(row, name, name_es)
    row.save(update_fields=["name", "name_es"])
    audit.record("topic_renamed", object_type="topic", object_id=row.id)


def retire_topic(topic_id: UUID) -> None:
    """No campaign can have it any more; who declined it stays on record."""
    row = Topic.objects.select_for_update().get(id=topic_id)
    if row.retired_at is None:
        row.retired_at = timezone.now()
        row.save(update_fields=["retired_at"])
        audit.record("topic_retired", object_type="topic", object_id=row.id)


def _name(row: Topic, name: str, name_es: str) -> None:
    row.name, row.name_es = name.strip(), name_es.strip()
    if not row.name:
        raise NotWishable("Give the topic a name that patients understand.")
    if Topic.objects.filter(name=row.name).exclude(id=row.id).exists():
        raise NotWishable("There is a topic with this name already.")


def ask_to_confirm(contact_id: UUID, by: UUID | None) -> AddressConfirmation:
    """Ask whether the address is right, by a letter to it; the same address is never asked twice.

    Raises `NotWishable`.
    """
    person = _person_with_address(contact_id)
    if SuppressionScope.ALL in queries.wishes_of(contact_id).stopped:
        raise NotWishable("No email may go to this address.")
    if not posting.can_post():
        raise NotWishable(posting.NO_SENDER)
    row, is_new = _confirmation(person, "mail", by, send_at=timezone.now())
    if is_new:
        audit.record("confirmation_asked_for", object_type="contact", object_id=contact_id)
        hand_out()
    return row


def ask_everyone_to_confirm(by: UUID) -> int:
    """Ask everybody with an address that was not asked about yet, in the background.

    Returns how many people will be looked at. Raises `NotWishable`.
    """
    if not posting.can_post():
        raise NotWishable(posting.NO_SENDER)
    walk = start_walk("consent.confirm", str(by))
    audit.record("confirmations_asked_for", number=walk.total)
    return int(walk.total)


def ask_next_to_confirm(subject: str, after: UUID | None) -> Step:
    """A step of the walk. `subject` is who asked."""
    ids, to_ask = queries.people_to_confirm(after, PEOPLE_AT_ONCE)
    people = [each for each in contacts.opened(to_ask).values() if each.email is not None]
    for person in people:
        _confirmation(person, "mail", UUID(subject), send_at=timezone.now())
    if people:
        hand_out()
    return Step(len(ids), ids[-1] if ids else None)


def confirm(confirmation_id: UUID, wording: str) -> None:
    """The owner said, by these words, that the address is theirs. Said twice, the first counts."""
    row = AddressConfirmation.objects.select_for_update().get(id=confirmation_id)
    _mark_confirmed(row, wording, row.channel, timezone.now())


def deny_address(confirmation_id: UUID) -> None:
    """Whoever reads the mail says that the address is not the patient's: nothing goes there any
    more, and somebody must find the right one."""
    row = AddressConfirmation.objects.select_for_update().get(id=confirmation_id)
    address = queries.confirmed_address(row)
    suppress(address, SuppressionScope.ALL, SuppressionReason.UNSUBSCRIBED, "link")
    _same(row, address).update(confirmed_at=None, send_at=None)
    raise_alert("wrong_address", "contact", row.contact_id)
    audit.record("address_denied", object_type="contact", object_id=row.contact_id)


def confirm_by_signature(contact_id: UUID, address_token: UUID, now: datetime) -> None:
    """Somebody signed by a link that was mailed to the address of this token: it is confirmed if
    it is still the person's."""
    person = contacts.opened([contact_id]).get(contact_id)
    if person is None or person.email is None:
        return
    if address_token in contacts.address_tokens(person.email):
        row, _ = _confirmation(person, "signature", None, send_at=None)
        _mark_confirmed(row, row.wording, "signature", now)


def _mark_confirmed(row: AddressConfirmation, wording: str, channel: str, now: datetime) -> None:
    """Under every token of the address: it has several while the index key rotates."""
    if row.confirmed_at is not None:
        return
    same = _same(row, queries.confirmed_address(row))
    same.update(wording=wording, channel=channel, confirmed_at=now, send_at=None)
    audit.record("address_confirmed", object_type="contact", object_id=row.contact_id)


def _same(row: AddressConfirmation, address: str) -> QuerySet[AddressConfirmation]:
    tokens = {row.address_token, *contacts.address_tokens(address)}
    return AddressConfirmation.objects.filter(contact_id=row.contact_id, address_token__in=tokens)


def _confirmation(
    person: OpenedContact, channel: str, by: UUID | None, send_at: datetime | None
) -> tuple[AddressConfirmation, bool]:
    address = person.email or ""
    known = AddressConfirmation.objects.filter(
        contact_id=person.id, address_token__in=contacts.address_tokens(address)
    ).first()
    if known is not None:
        return known, False
    row = AddressConfirmation(
        contact_id=person.id,
        address_token=contacts.address_token(address),
        wording=confirmation_wording(person.language),
        channel=channel,
        asked_by=by,
        send_at=send_at,
    )
    row.sealed_address = keyring(KeyUse.AUTHORIZATION).seal(
        address.encode(), CONFIRMATION_TABLE, row.id
    )
    AddressConfirmation.objects.bulk_create([row], ignore_conflicts=True)
    stored: AddressConfirmation = AddressConfirmation.objects.get(
        contact_id=row.contact_id, address_token=row.address_token
    )
    return stored, stored.id == row.id


def confirmation_wording(language: str) -> str:
    """What the owner of an address is asked to say."""
    name = queries.organization().name
    return CONFIRMATION[page_language(language)].format(name=name)


def erase_wishes(contact_id: UUID) -> None:
    """Forget what an erased person asked for. That they asked for a restriction stays, without
    their words."""
    for model in (Preference, PlainMailWish, AddressConfirmation, SigningRequest):
        model.objects.filter(contact_id=contact_id).delete()
    Restriction.objects.filter(contact_id=contact_id).update(sealed_note=None)


def _person_with_address(contact_id: UUID) -> OpenedContact:
    person = contacts.opened([contact_id]).get(contact_id)
    if person is None or person.email is None:
        raise NotWishable("No email address is known.")
    return person
