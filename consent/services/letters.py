"""Letters that consent needs sent: requests to sign, and questions whether an address is right.

The rows are the queue. `send_at` says when a letter is due; taking it moves `send_at` on, which is
the lease of whoever sends it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeVar
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from audit import services as audit
from consent import queries
from consent.models import AddressConfirmation, SigningRequest
from consent.services.alerts import raise_alert
from contacts import queries as contacts
from tenancy.current import current_organization_id

Row = TypeVar("Row", SigningRequest, AddressConfirmation)

LEASE = timedelta(minutes=15)
AGAIN_AFTER = timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(hours=48)
"""From asking, or reminding: mail servers that are away longer than that are not coming back."""


@dataclass(frozen=True, slots=True)
class DueLetter:
    """A letter to one person; `link` is the page it leads to, `since` when it was first due."""

    kind: Literal["sign", "confirm"]
    row: UUID
    contact: UUID
    since: datetime
    link: str = field(repr=False)
    is_reminder: bool = False
    by_rule: bool = False
    """Nobody of the staff asked: it goes only to those who still want such mail."""


def hand_out() -> None:
    """Have what is due sent, after the commit."""
    ids = [str(current_organization_id())]
    transaction.on_commit(lambda: current_app.send_task("delivery.send_letters", ids))


def claim_letters(limit: int, now: datetime) -> list[DueLetter]:
    """Take the next letters that are due. What is not answered comes up again after the lease."""
    found = []
    for request in _due(SigningRequest, limit, now):
        since = request.reminded_at or request.asked_at
        link, again = queries.sign_address(request, mailed=True), request.reminded_at is not None
        by_rule = request.asked_by is None
        found.append(DueLetter("sign", request.id, request.contact_id, since, link, again, by_rule))
    for confirmation in _due(AddressConfirmation, limit - len(found), now):
        link = queries.confirm_address(confirmation)
        person, since = confirmation.contact_id, confirmation.asked_at
        found.append(DueLetter("confirm", confirmation.id, person, since, link))
    return found


def _due(model: type[Row], limit: int, now: datetime) -> list[Row]:
    rows = model.objects.select_for_update(skip_locked=True).filter(_OPEN[model], send_at__lte=now)
    taken: list[Row] = list(rows.order_by("send_at")[:limit])
    model.objects.filter(id__in=[row.id for row in taken]).update(send_at=now + LEASE)
    return taken


_OPEN: dict[type[Model], Q] = {
    SigningRequest: Q(outcome=""),
    AddressConfirmation: Q(confirmed_at=None),
}
"""Who has answered gets no more letters."""


def letter_taken(letter: DueLetter, address: str, now: datetime) -> None:
    """A mail server took it, for this address."""
    _row(letter).update(send_at=None, sent_at=now)
    if letter.kind == "sign":
        _row(letter).update(address_token=contacts.address_token(address))
    audit.record(f"{letter.kind}_letter_sent", object_type="contact", object_id=letter.contact)


def letter_deferred(letter: DueLetter, now: datetime) -> None:
    """Not now: it is tried again, within two days."""
    if now - letter.since >= GIVE_UP_AFTER:
        letter_refused(letter, now)
    else:
        rows = _row(letter)
        rows.filter(_OPEN[rows.model]).update(send_at=now + AGAIN_AFTER)


def letter_dropped(letter: DueLetter, now: datetime) -> None:
    """The person wants no such mail any more: it is not sent, and nobody has to see to it."""
    _row(letter).update(send_at=None)
    unsent = SigningRequest.objects.filter(id=letter.row, outcome="", sent_at=None)
    unsent.update(outcome="failed", ended_at=now)
    audit.record(f"{letter.kind}_letter_dropped", object_type="contact", object_id=letter.contact)


def letter_refused(letter: DueLetter, now: datetime) -> None:
    """It can't be delivered. A request to sign ends with that, and somebody is told."""
    _row(letter).update(send_at=None)
    audit.record(f"{letter.kind}_letter_failed", object_type="contact", object_id=letter.contact)
    if letter.kind == "sign":
        open_still = SigningRequest.objects.filter(id=letter.row, outcome="", sent_at=None)
        if open_still.update(outcome="failed", ended_at=now):
            raise_alert("request_failed", "signing_request", letter.row)


def _row(letter: DueLetter) -> QuerySet[SigningRequest] | QuerySet[AddressConfirmation]:
    if letter.kind == "sign":
        return SigningRequest.objects.filter(id=letter.row)
    return AddressConfirmation.objects.filter(id=letter.row)
