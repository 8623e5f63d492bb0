"""What became of a mailing, and of one person's messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from campaigns import rules
from contacts.timeline import SHOWN, Entry
from delivery import queries as delivery
from delivery.models import Mailing
from delivery.rules import IN_FLIGHT, Status
from tenancy.current import current_organization_id
from tenancy.models import Organization


@dataclass(frozen=True)
class Report:
    """A mailing's funnel. What is shown adds up, and gives no small group away."""

    mailing: Mailing
    progress: delivery.Progress
    funnel: rules.Funnel
    engagement: list[rules.Line]

    @property
    def adds_up(self) -> bool:
        return self.progress.total == self.mailing.audience

    def reasons(self, status: Status) -> rules.Section | None:
        return self.funnel.reasons.get(status.value)


def report(mailing: Mailing) -> Report:
    """Counts by outcome and reason, small cells hidden."""
    found = delivery.progress(mailing.id)
    cells: Counter[tuple[str, str]] = Counter()
    for status, reasons in found.reasons.items():
        for reason, number in reasons.items():
            in_flight = status in IN_FLIGHT
            cells[("in_flight", "") if in_flight else (status, reason)] += number
    reached = found.by_status[Status.ACCEPTED] + found.by_status[Status.IN_PORTAL]
    return Report(mailing, found, rules.funnel(cells), _engagement(mailing.id, reached))


_ENGAGEMENT = {
    "picked_up": "Read in the portal",
    "opened": "Opened by a person",
    "opened_machine": "Opened by a machine or unknown",
    "clicked": "Clicked by a person",
    "clicked_machine": "Clicked by a machine or unknown",
    "unsubscribed": "Unsubscribed",
}


def _engagement(mailing_id: UUID, reached: int) -> list[rules.Line]:
    cells: Counter[str] = Counter()
    for (kind, verdict), number in delivery.event_counts(mailing_id).items():
        if kind in ("opened", "clicked"):
            cells[kind if verdict == "person" else f"{kind}_machine"] += number
        elif kind in _ENGAGEMENT:
            cells[kind] += number
    return [
        rules.Line(code, words, rules.part_of(cells[code], reached))
        for code, words in _ENGAGEMENT.items()
        if cells[code]
    ]


_DONE_BY_PEOPLE = {
    "opened": "Opened a message",
    "clicked": "Followed a link in a message",
    "picked_up": "Read a message in the portal",
    "unsubscribed": "Unsubscribed",
}


def timeline(contact_id: UUID) -> list[Entry]:
    """A contact's messages and what the person did with them. Names no campaign: its name may tell
    a diagnosis. The message's page says why it went as it did, and leads to the campaign's."""
    code = Organization.objects.values_list("slug", flat=True).get(id=current_organization_id())
    entries, pages = [], {}
    for message in delivery.messages_of(contact_id, SHOWN):
        page = reverse("delivery:message", args=[code, message.id])
        pages[message.id] = page
        status = "in_flight" if message.status in IN_FLIGHT else message.status
        at = message.settled_at or message.first_attempt_at or message.mailing.created_at
        entries.append(Entry(at, f"Message: {rules.outcome_in_words(status)}", page))
    for event in delivery.events_of_people(pages, SHOWN):
        if words := _DONE_BY_PEOPLE.get(event.kind):
            doubt = ", or a mail program did" if event.verdict == "unknown" else ""
            entries.append(Entry(event.occurred_at, words + doubt, pages[event.message_id]))
    return entries
