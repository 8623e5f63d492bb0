"""The date of birth as what ties a link to a person: compared, and not to be guessed."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.utils.crypto import constant_time_compare

from audit import services as audit
from consent import queries
from consent.models import Preference
from consent.queries.requests import WRONG_DATES
from consent.services.alerts import raise_alert


def is_birth_date(contact_id: UUID, born: date) -> bool:
    """Whether this is the person's date of birth; False for everything once it is locked.

    Wrong ones count per person, whichever message or request they come by, and the tenth in a row
    locks. The row stays locked until the commit, so that tries at the same time count one by one.
    """
    known = queries.birth_date_of(contact_id)
    if not known:
        return False
    row = locked_preference(contact_id)
    if row.wrong_dates >= WRONG_DATES:
        return False
    if constant_time_compare(born.isoformat(), known[:10]):
        _count(row, 0)
        return True
    _count(row, row.wrong_dates + 1)
    if row.wrong_dates >= WRONG_DATES:
        raise_alert("birth_date_guessed", "contact", contact_id)
    return False


def reset_birth_date_tries(contact_id: UUID, by: UUID) -> None:
    """Let a person try again, once staff have spoken to them. `by` is who did."""
    _count(locked_preference(contact_id), 0)
    audit.record("birth_date_tries_reset", object_type="contact", object_id=contact_id, by=str(by))


def locked_preference(contact_id: UUID) -> Preference:
    """A person's row of preferences, made on first use, locked until the commit."""
    Preference.objects.bulk_create([Preference(contact_id=contact_id)], ignore_conflicts=True)
    row: Preference = Preference.objects.select_for_update().get(contact_id=contact_id)
    return row


def _count(row: Preference, wrong_dates: int) -> None:
    if row.wrong_dates != wrong_dates:
        row.wrong_dates = wrong_dates
        row.save(update_fields=["wrong_dates"])
