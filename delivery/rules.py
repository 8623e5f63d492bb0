"""The life of a message and of a mailing, as tables. Pure; time is a parameter.

audience = accepted + in portal + suppressed + failed + held + stopped + uncertain + in flight,
at every instant: each message has one row and each row one status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    """Waiting for its turn, or for its next attempt."""
    TRANSMITTING = "transmitting"
    """Committed before the first byte leaves. Found like this after a crash, it is uncertain."""
    ACCEPTED = "accepted"
    """The recipient's server took responsibility (RFC 5321 4.2.5), over verified TLS."""
    IN_PORTAL = "in_portal"
    """The notice was taken; the message waits in the portal."""
    SUPPRESSED = "suppressed"
    """No permit: the reason says which rule."""
    FAILED = "failed"
    """Can't be delivered: the reason says why."""
    HELD = "held"
    """Needs a person's decision before it may go."""
    STOPPED = "stopped"
    """The mailing was stopped before its turn."""
    UNCERTAIN = "uncertain"
    """The connection or the worker died after the content began: it may have arrived. Never resent
    by itself."""


IN_FLIGHT = (Status.QUEUED, Status.TRANSMITTING)
SETTLED = tuple(status for status in Status if status not in IN_FLIGHT)

TRANSITIONS: dict[tuple[Status, Status], str] = {
    (Status.QUEUED, Status.TRANSMITTING): "a permit was given and its turn has come",
    (Status.QUEUED, Status.SUPPRESSED): "the decision at dispatch says no",
    (Status.QUEUED, Status.HELD): "the decision at dispatch asks for a person",
    (Status.QUEUED, Status.FAILED): "it can't be rendered or addressed",
    (Status.QUEUED, Status.STOPPED): "the mailing was stopped",
    (Status.QUEUED, Status.QUEUED): "no server agreed to take the content; it will be tried again",
    (Status.HELD, Status.QUEUED): "a privacy officer ruled on what held it",
    (Status.TRANSMITTING, Status.ACCEPTED): "the server answered 250 to the final dot",
    (Status.TRANSMITTING, Status.IN_PORTAL): "the server answered 250 to the notice",
    (Status.TRANSMITTING, Status.FAILED): "the server refused for good, or too often",
    (Status.TRANSMITTING, Status.QUEUED): "nothing of the content left; it will be tried again",
    (Status.TRANSMITTING, Status.STOPPED): "nothing of the content left, and the mailing stopped",
    (Status.TRANSMITTING, Status.UNCERTAIN): "the answer to the content was never seen",
    (Status.ACCEPTED, Status.FAILED): "a bounce came back after all",
    (Status.IN_PORTAL, Status.FAILED): "the notice bounced after all",
    # A worker that was slow rather than dead brings the answer after all.
    (Status.UNCERTAIN, Status.ACCEPTED): "the server's 250, or a reader, came to light late",
    (Status.UNCERTAIN, Status.IN_PORTAL): "the server's 250 to the notice came to light late",
    (Status.UNCERTAIN, Status.FAILED): "the server's refusal, or a bounce, came to light late",
}
RETURNED: dict[tuple[Status, Status], str] = {
    (Status.ACCEPTED, Status.QUEUED): "a relay found no safe way, and gave it back undelivered",
    (Status.UNCERTAIN, Status.QUEUED): "a relay found no safe way, and gave it back undelivered",
}
"""Steps that a bounce alone may take, to the portal: for a worker that comes late they would mean a
second copy."""


def may_become(old: Status, new: Status) -> bool:
    """Whether the table permits this step."""
    return (old, new) in TRANSITIONS


class MailingStatus(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        return [(status.value, status.value) for status in cls]


OPEN = (MailingStatus.PLANNED, MailingStatus.SENDING, MailingStatus.PAUSED)
"""Mailings that somebody may still stop."""

MAILING_TRANSITIONS: dict[tuple[MailingStatus, MailingStatus], str] = {
    (MailingStatus.PLANNED, MailingStatus.SENDING): "its recipients are all written down",
    (MailingStatus.PLANNED, MailingStatus.STOPPED): "everything was stopped before it began",
    (MailingStatus.SENDING, MailingStatus.PAUSED): "a person paused it",
    (MailingStatus.PAUSED, MailingStatus.SENDING): "a person resumed it",
    (MailingStatus.SENDING, MailingStatus.STOPPED): "a person stopped it",
    (MailingStatus.PAUSED, MailingStatus.STOPPED): "a person stopped it",
    (MailingStatus.SENDING, MailingStatus.FINISHED): "no message is in flight any more",
    (MailingStatus.FINISHED, MailingStatus.SENDING): "messages that were held are due again",
}

GIVE_UP_AFTER = timedelta(hours=48)
BACK_OFF = (5, 15, 30, 60, 120, 240, 480)
"""Minutes between attempts: a greylisting server wants a few, a broken one needs hours (RFC 5321
4.5.4.1)."""
JITTER = 0.1
"""Attempts are spread by this part of their distance: what was put off together does not come back
together."""
TLS_BUDGET = 3
"""Attempts after which a server whose TLS keeps failing for now counts as one without TLS."""
LEASE = timedelta(minutes=15)
"""How long a worker may hold a batch, from when it last wrote to it, before another may take it."""
LONGEST_CONVERSATION = timedelta(minutes=6)
"""With one mail server about one message: less than half a lease."""


@dataclass(frozen=True, slots=True)
class Retries:
    """When a message that was put off is tried again, and for how long."""

    back_off: Sequence[float] = BACK_OFF
    """Minutes; the last one repeats."""
    give_up_after: timedelta = GIVE_UP_AFTER
    deadline: datetime | None = None
    """The campaign's own: nothing is tried after it."""

    def next(
        self, attempts: int, first_at: datetime, now: datetime, chance: float = 0.5
    ) -> datetime | None:
        """When to try again after this many attempts (from 1); None once it is time to give up.
        `chance`, from 0 to 1, spreads the attempts."""
        minutes = self.back_off[min(attempts, len(self.back_off)) - 1]
        due = now + timedelta(minutes=minutes * (1 + JITTER * (2 * chance - 1)))
        if due - first_at >= self.give_up_after or (self.deadline and due > self.deadline):
            return None
        return due
