"""`manage.py receive_bounces`: take the mail that comes back, by LMTP (RFC 2033) or SMTP.

Meant to stand on loopback behind the operator's own mail server, which does TLS and queues what is
answered with 451. Everything that arrives is PHI: it is read in memory and never written or logged.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from delivery.services import bounces

MAX_OCTETS = 1_000_000
THREADS = 4
PATIENCE_SECONDS = 60

log = structlog.get_logger()


class Command(BaseCommand):
    help = "Take bounces and complaints by LMTP or SMTP at BOUNCE_LISTEN, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--listen", default=settings.BOUNCE_LISTEN, metavar="HOST:PORT")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["listen"]:
            raise CommandError("Set BOUNCE_LISTEN, such as 127.0.0.1:2526.")
        host, port = _parts(options["listen"])
        try:
            asyncio.run(self._serve(host, port))
        except OSError:
            raise CommandError(f"Nothing can listen on {options['listen']}.") from None

    async def _serve(self, host: str, port: int) -> None:
        stopped = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stopped.set)
        reception = Reception()
        server = await asyncio.get_running_loop().create_server(
            lambda: Conversation(reception), host, port
        )
        bound, at = server.sockets[0].getsockname()[:2]
        self.stdout.write(f"Bounces are taken on {bound}:{at}.")
        self.stdout.flush()
        async with server:
            await stopped.wait()
        reception.close()


def _parts(listen: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{listen}")
        if parts.hostname and parts.port is not None:
            return parts.hostname, parts.port
    except ValueError:  # no number, or one too large
        pass
    raise CommandError("BOUNCE_LISTEN is a host and a port, such as 127.0.0.1:2526.")


class Conversation(SMTP):
    """One connection. It also knows LMTP's greeting; that LMTP answers for each recipient makes no
    difference, since there is one."""

    line_length_limit = MAX_OCTETS  # web pages in bounces come in lines of any length

    def __init__(self, reception: Reception) -> None:
        super().__init__(
            reception,
            data_size_limit=MAX_OCTETS,
            enable_SMTPUTF8=True,
            hostname=settings.MAIL_HOSTNAME,
            ident="ready",
            timeout=PATIENCE_SECONDS,
            loop=asyncio.get_running_loop(),
        )

    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802 (aiosmtpd's name)
        await self.smtp_EHLO(arg)


class Reception:
    """What connections ask: whether an address is ours, and what to do with a mail to it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "bounces")

    async def handle_RCPT(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        reply = await self._in_thread(lambda: _known(address))
        if reply == OURS:
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        (address,), raw = envelope.rcpt_tos, envelope.content
        if not isinstance(raw, bytes):
            return "554 5.6.0 No content"
        return await self._in_thread(lambda: _taken(address, raw))

    async def handle_exception(self, error: Exception) -> str:
        log.error("bounce_conversation_failed", exc_info=error)
        return LATER

    def close(self) -> None:
        """Finish what is begun."""
        self._threads.shutdown()

    async def _in_thread(self, work: Callable[[], str]) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _answer, work)


OURS, DONE = "250 2.1.5 OK", "250 2.0.0 Done"
NOT_OURS, LATER = "550 5.1.1 No such address", "451 4.3.0 Try again later"


def _known(address: str) -> str:
    return OURS if bounces.destination(address, timezone.now()) else NOT_OURS


def _taken(address: str, raw: bytes) -> str:
    now = timezone.now()
    to = bounces.destination(address, now)
    if to is None:
        return NOT_OURS
    bounces.take(to, raw, now)
    return DONE


def _answer(work: Callable[[], str]) -> str:
    """What a piece of work answers, with a connection to the database that is known to work; the
    mail server keeps the mail if anything goes wrong."""
    close_old_connections()
    try:
        return work()
    except Exception:
        log.exception("bounce_not_taken")
        return LATER
    finally:
        close_old_connections()
