"""What people do with single contacts, and the log of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from accounts import queries as accounts
from accounts.rules import Role
from audit import services as audit
from contacts import queries
from contacts.models import Contact, ImportChange, Unmasking
from contacts.queries.people import TABLE, UNMASKED_FOR, UNMASKING_TABLE
from contacts.rules.email import EmailAddress
from contacts.rules.fields import Value
from contacts.rules.imports import corrected, identity_of, merged
from contacts.rules.starter import EMAIL, RECORD_NUMBER
from contacts.services import incoming
from contacts.services.saving import one_writer_at_a_time, replace_profiles
from contacts.vetoes import erasers, mergers, unerasable, unmergeable
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse, Organization, new_id

REASON_CHARACTERS = (8, 300)

_on_many_opened: list[Callable[[UUID], None]] = []


class Refused(ValueError):
    """What was asked for may not be done. Says why."""


@dataclass
class Wrong(ValueError):
    """Values that cannot be kept: a sentence for each field's key. None of them repeats a value."""

    problems: dict[str, str]


def on_many_opened(react: Callable[[UUID], None]) -> None:
    """Register what a higher app does when somebody has opened many contacts within a day.

    Called with the colleague's id, once, in the transaction of the opening that is too many.
    """
    _on_many_opened.append(react)


def record_view(contact_id: UUID) -> None:
    """Log that somebody looked at a contact."""
    audit.record("contact_viewed", object_type="contact", object_id=contact_id)


def record_listing(contact_ids: Iterable[UUID]) -> None:
    """Log whom somebody was shown in a list."""
    audit.record("contacts_listed", contacts=[str(each) for each in contact_ids])


def record_look_up(contact_ids: Iterable[UUID]) -> None:
    """Log whom somebody found. What they typed is a patient's value and is not logged."""
    audit.record("contacts_looked_up", contacts=[str(each) for each in contact_ids])


def record_values_seen(unmasking: Unmasking) -> None:
    """Log that somebody was shown a contact's values in clear."""
    audit.record(
        "contact_values_seen",
        object_type="contact",
        object_id=unmasking.contact_id,
        unmasking=str(unmasking.id),
    )


def unmask(contact_id: UUID, user_id: UUID, reason: str, now: datetime) -> Unmasking:
    """Show somebody one contact's values for a quarter of an hour (45 CFR 164.502(b)).

    Raises `Refused` without a reason. Whoever opens more than UNMASKING_ALERT contacts within a day
    is reported to the privacy officers.
    """
    row = Unmasking(contact_id=contact_id, user_id=user_id, created_at=now)
    row.until = now + UNMASKED_FOR
    row.reason = sealed_reason(reason, UNMASKING_TABLE, row.id)
    before = queries.unmasked_lately(user_id, now)
    row.save(force_insert=True)
    audit.record(
        "contact_unmasked", object_type="contact", object_id=contact_id, unmasking=str(row.id)
    )
    opened = queries.unmasked_lately(user_id, now)
    if before <= settings.UNMASKING_ALERT < opened:
        audit.record("unmasking_alert", object_type="user", object_id=user_id, contacts=opened)
        ids = [str(current_organization_id()), str(user_id)]
        transaction.on_commit(lambda: current_app.send_task("contacts.alert_unmasking", ids))
        for react in _on_many_opened:
            react(user_id)
    return row


def alert_unmasking(user_id: UUID) -> None:
    """Write to privacy officers and owners about a colleague who opens many contacts: the colleague
    may be the only officer. Names no patient."""
    organization = Organization.objects.get(id=current_organization_id())
    officers, owners = map(accounts.addresses_of, (Role.PRIVACY_OFFICER, Role.OWNER))
    name = accounts.names({user_id}).get(user_id, "A colleague")
    send_mail(
        f"{organization.name}: many patients' values were opened",
        f"{name} opened the values of more than {settings.UNMASKING_ALERT} patients within a day."
        " The log says which, and each patient's page gives the reasons. Sign in and look.",
        None,
        [*officers, *owners],
    )


def mask_again(unmasking_id: UUID, user_id: UUID, now: datetime) -> None:
    """End somebody's own look at a contact before its time."""
    Unmasking.objects.filter(id=unmasking_id, user_id=user_id, until__gt=now).update(until=now)


def sealed_reason(reason: str, table: str, row: UUID) -> bytes:
    """Seal the reason that somebody gave. Raises `Refused` if it says nothing."""
    reason = " ".join(reason.split())
    least, most = REASON_CHARACTERS
    if not least <= len(reason) <= most:
        raise Refused(f"Write the reason, in {least} to {most} characters: it stands in the log.")
    return keyring(KeyUse.PROFILE).seal(reason.encode(), table, row)


def correct(contact_id: UUID, texts: Mapping[str, str], today: date) -> list[str]:
    """Give a contact these values by field key; a blank one is forgotten. Returns changed keys.

    Raises `Wrong` with every problem, or `IdentityTaken`.
    """
    one_writer_at_a_time()
    person = _opened(contact_id)
    fields = queries.fields_by_key()
    profile, problems = corrected(person.profile, texts, fields, today)
    if not problems and not _identity(profile):
        problems[RECORD_NUMBER] = (
            "A contact needs a medical record number, or an email with a birth date."
        )
    if problems:
        raise Wrong(problems)
    changed = sorted(
        key for key in {*profile, *person.profile} if profile.get(key) != person.profile.get(key)
    )
    if changed:
        replace_profiles({contact_id: profile})
        audit.record(
            "contact_corrected", object_type="contact", object_id=contact_id, fields=changed
        )
    return changed


def merge(kept_id: UUID, gone_id: UUID) -> None:
    """Make one contact of two: the kept one's values stand, blanks are filled from the other.

    The other becomes an empty record that says where it went; what was sent to it stays in its
    history. Raises `Refused`.
    """
    if kept_id == gone_id:
        raise Refused("These are the same contact. Choose another one.")
    one_writer_at_a_time()
    kept, gone = _opened(kept_id), _opened(gone_id)
    if reasons := unmergeable(gone_id):
        raise Refused(f"It cannot be merged away: {'; '.join(reasons)}. Keep this one instead.")
    for follow in mergers():
        follow(kept_id, gone_id)
    profile = merged(kept.profile, gone.profile)
    takes_over = _identity(profile) == _identity(gone.profile)
    _leave_empty(gone_id, keeps_identity=not takes_over, merged_into=kept_id)
    replace_profiles({kept_id: profile})
    audit.record(
        "contacts_merged", object_type="contact", object_id=kept_id, merged_away=str(gone_id)
    )


def erase(contact_id: UUID, now: datetime) -> None:
    """Remove everything that tells who a contact is. Raises `Refused`.

    What stays is a blind token by which a later import knows not to bring the person back.
    """
    one_writer_at_a_time()
    if reasons := why_not_erased(contact_id):
        raise Refused(f"This contact cannot be erased: {'; '.join(reasons)}.")
    _leave_empty(contact_id, erased_at=now)
    for eraser in erasers():
        eraser.erase(contact_id)
    audit.record("contact_erased", object_type="contact", object_id=contact_id)


def why_not_erased(contact_id: UUID) -> list[str]:
    """Every reason against erasing a contact."""
    organization = Organization.objects.get(id=current_organization_id())
    hold = ["the organization is under a legal hold"] if organization.legal_hold else []
    return hold + unerasable(contact_id)


def _leave_empty(
    contact_id: UUID,
    *,
    keeps_identity: bool = True,
    erased_at: datetime | None = None,
    merged_into: UUID | None = None,
) -> None:
    """A contact without values. It keeps its identity's token, so that an import does not make it
    anew, unless the contact it was merged into takes that over."""
    row = Contact.objects.select_for_update().get(id=contact_id)
    address = row.email_token
    Contact.objects.filter(id=contact_id).update(
        profile=keyring(KeyUse.PROFILE).seal(b"{}", TABLE, contact_id),
        tokens=[],
        identity=row.identity if keeps_identity else new_id(),
        email_token=None,
        mail_domain="",
        household=False,
        erased_at=erased_at or timezone.now(),
        merged_into=merged_into,
    )
    ImportChange.objects.filter(contact_id=contact_id).delete()
    Unmasking.objects.filter(contact_id=contact_id).update(until=timezone.now())
    incoming.mark_households([address.bytes] if address else [])


def _opened(contact_id: UUID) -> queries.OpenedContact:
    person = queries.opened([contact_id]).get(contact_id)
    if person is None:
        raise Refused("This contact is no more.")
    return person


def _identity(profile: Mapping[str, Value]) -> str:
    email = profile.get(EMAIL)
    return identity_of(profile, EmailAddress.parse(str(email)) if email else None)
