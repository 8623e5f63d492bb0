"""Taking bounces and complaints out of a mailbox (IMAP, RFC 9051), over verified TLS."""

from __future__ import annotations

import imaplib
import ssl
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils import timezone

from delivery.bounces.reading import MAX_READ
from delivery.services import bounces

IMAPS_PORT = 993
AT_ONCE = 500
NOT_UNDERSTOOD = '"Not understood"'
PATIENCE_SECONDS = 60


class MailboxUnusable(Exception):
    """The mailbox can't be read; the text says which step failed."""


def poll(url: str) -> int:
    """Apply what lies in a mailbox (`imaps://user:password@host/INBOX`); returns how many mails.

    Each is deleted after what it does is committed: a poll that dies loses nothing, and nothing is
    done twice. What is not understood goes into the folder "Not understood", or is flagged where
    there can be no such folder, for a person to look at.
    """
    parts = urlsplit(url)
    try:
        with imaplib.IMAP4_SSL(
            parts.hostname or "",
            parts.port or IMAPS_PORT,
            ssl_context=ssl.create_default_context(),
            timeout=PATIENCE_SECONDS,
        ) as server:
            server.login(unquote(parts.username or ""), unquote(parts.password or ""))
            folder = unquote(parts.path.strip("/")) or "INBOX"
            _done(server.select(f'"{folder}"'), "select")
            return _poll(server)
    except (OSError, imaplib.IMAP4.error) as problem:
        # A server's words may quote a mail.
        raise MailboxUnusable(type(problem).__name__) from None


def _poll(server: imaplib.IMAP4) -> int:
    (found,) = _done(server.uid("SEARCH", "UNDELETED", "UNFLAGGED"), "search")
    uids = (found or b"").split()[:AT_ONCE]
    for uid in uids:
        number = uid.decode("ascii")
        raw = _fetched(server, number)
        if raw is None:  # somebody else took it
            continue
        if bounces.take_from_mailbox(raw, timezone.now()) or _set_aside(server, number):
            _done(server.uid("STORE", number, "+FLAGS.SILENT", r"(\Deleted)"), "delete")
        else:
            _done(server.uid("STORE", number, "+FLAGS.SILENT", r"(\Flagged)"), "flag")
    server.expunge()
    return len(uids)


def _fetched(server: imaplib.IMAP4, number: str) -> bytes | None:
    """As much of a mail as is read of it."""
    answer = _done(server.uid("FETCH", number, f"(BODY.PEEK[]<0.{MAX_READ}>)"), "fetch")
    return next((part[1] for part in answer if isinstance(part, tuple)), None)


def _set_aside(server: imaplib.IMAP4, number: str) -> bool:
    """Copy a mail to where people look; the folder is made on the first call."""
    for _ in range(2):
        if server.uid("COPY", number, NOT_UNDERSTOOD)[0] == "OK":
            return True
        server.create(NOT_UNDERSTOOD)
    return False


def _done(answer: tuple[str, list[Any]], step: str) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise MailboxUnusable(step)
    return data
