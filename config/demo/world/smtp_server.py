"""One mail server with a temper, on aiosmtpd."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from aiosmtpd.smtp import SMTP, TLSSetupException

from config.demo.world.store import MailWriter, StoredSession
from config.demo.world.tempers import Temper

log = logging.getLogger(__name__)

# Octets kept of what a client wrote in clear.
_CLEAR_LIMIT = 64 * 1024
_SMALL_SIZE = 2000

_RCPT_REPLIES = {
    Temper.ALWAYS_451: "451 4.3.0 Try again later",
    Temper.MAILBOX_FULL: "452 4.2.2 Mailbox full",
}


class MailServer:
    """What the connections to one server share."""

    def __init__(
        self, host: str, temper: Temper, context: ssl.SSLContext | None, writer: MailWriter
    ) -> None:
        self.host = host
        self.temper = temper
        self.context = context
        self.writer = writer
        self.connections = 0
        self.seen_recipients: set[str] = set()

    def connection(self) -> "Connection":
        """The protocol for one new connection."""
        self.connections += 1
        context = self.context
        if self.temper is Temper.STRIPPED_LATER and self.connections > 1:
            context = None
        return Connection(self, context)


class Connection(SMTP):
    """One connection."""

    def __init__(self, server: MailServer, context: ssl.SSLContext | None) -> None:
        self.server = server
        self._verbs: list[str] = []
        self._clear = bytearray()
        self.delivered = 0
        self._recorded = False
        super().__init__(
            _Handler(),
            hostname=server.host,
            ident="ESMTP",
            tls_context=context,
            loop=asyncio.get_running_loop(),
            data_size_limit=_SMALL_SIZE if server.temper is Temper.SMALL_SIZE else 2**25,
        )
        for verb, method in self._smtp_methods.items():
            self._smtp_methods[verb] = self._noting(verb, method)

    # What is written down

    def data_received(self, data: bytes) -> None:
        if not self.tls_version and len(self._clear) < _CLEAR_LIMIT:
            self._clear += data
        super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if not self._recorded:
            self._recorded = True
            self.server.writer.add_session(
                StoredSession(
                    self.server.host, self.tls_version, tuple(self._verbs), bytes(self._clear)
                )
            )

    @property
    def tls_version(self) -> str:
        """The TLS version of this connection, empty while it is in clear."""
        if self.session is None or self.session.ssl is None:
            return ""
        return str(self.session.ssl["ssl_object"].version())

    def _noting(
        self, verb: str, method: Callable[[str | None], Awaitable[None]]
    ) -> Callable[[str | None], Awaitable[None]]:
        async def noted(argument: str | None) -> None:
            self._verbs.append(verb)
            await method(argument)

        return noted

    # What is answered

    async def push(self, status: Any) -> None:
        """Every reply passes here; some tempers spoil it."""
        temper = self.server.temper
        if isinstance(status, str) and status.startswith("220 "):
            status = _spoiled_220(temper, status, greeting=not self._verbs)
        await super().push(status)

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802
        match self.server.temper:
            case Temper.STARTTLS_454:
                await self.push("454 4.7.0 TLS not available at the moment")
            case Temper.STARTTLS_501:
                await self.push("501 5.5.1 Not now")
            case Temper.HANDSHAKE_HANGS:
                await self.push("220 Ready to start TLS")
                await asyncio.sleep(60)
            case _:
                await super().smtp_STARTTLS(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if self.server.temper is Temper.IMPATIENT and self.delivered >= 2:
            await self.push("421 4.7.0 Enough for one connection")
            self.transport.close()
            return
        sender = _path(arg, "FROM:")
        if sender is None:
            await self.push("501 5.5.4 Syntax: MAIL FROM:<address>")
        elif self.envelope.mail_from is not None:
            await self.push("503 5.5.1 Nested MAIL")
        else:
            self.envelope.mail_from = sender
            await self.push("250 2.1.0 OK")

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        recipient = _path(arg, "TO:")
        if self.envelope.mail_from is None:
            await self.push("503 5.5.1 MAIL first")
        elif not recipient:
            await self.push("501 5.5.4 Syntax: RCPT TO:<address>")
        else:
            reply = self._recipient_reply(recipient.lower())
            if reply.startswith("250"):
                self.envelope.rcpt_tos.append(recipient)
            await self.push(reply)

    def _recipient_reply(self, recipient: str) -> str:
        if recipient.startswith("gone"):
            return f"550 5.1.1 <{recipient}> does not exist here"
        if self.server.temper is Temper.GREYLIST and recipient not in self.server.seen_recipients:
            self.server.seen_recipients.add(recipient)
            return "451 4.7.1 Greylisted, try again in a few minutes"
        return _RCPT_REPLIES.get(self.server.temper, "250 2.1.5 OK")

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        if self.server.temper is Temper.DROPS_BEFORE_CONTENT:
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


class _Handler:
    """aiosmtpd's hooks: what is offered, and what is done with a message."""

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, smtp: Connection, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        temper = smtp.server.temper
        if temper is not Temper.PLAIN_VERBS:
            responses[1:1] = ["250-PIPELINING", "250-DSN"]
        if temper is Temper.ODD_CASE:
            responses = [line.replace("STARTTLS", "sTaRtTlS") for line in responses]
        if temper is Temper.MIXED_CODES:
            responses[1:1] = ["550-5.7.1 No"]
        return responses

    async def handle_DATA(self, smtp: Connection, _session: Any, envelope: Any) -> str:  # noqa: N802
        if smtp.server.temper is Temper.REFUSES_CONTENT:
            return "554 5.6.0 We do not like this message"
        smtp.delivered += 1
        for recipient in envelope.rcpt_tos:
            smtp.server.writer.add_message(recipient, envelope.content, smtp.tls_version)
        if smtp.server.temper is Temper.DROPS_AFTER_DOT:
            smtp.transport.abort()
        return "250 2.0.0 Taken"

    async def handle_exception(self, error: Exception) -> str:
        if not isinstance(error, TLSSetupException):  # a client that refuses our certificate
            log.error("the demo's mail server failed", exc_info=error)
        return "451 4.3.0 The demo's mail server failed"


def _path(argument: str | None, keyword: str) -> str | None:
    """The address between angle brackets; parameters behind it (SIZE, DSN) are accepted."""
    if argument is None or not argument.upper().startswith(f"{keyword}<"):
        return None
    address, bracket, _parameters = argument[len(keyword) + 1 :].partition(">")
    return address if bracket else None


def _spoiled_220(temper: Temper, status: str, *, greeting: bool) -> str:
    if greeting and temper is Temper.REFUSES_GREETING:
        return "554 5.7.1 Your network is not welcome"
    if greeting and temper is Temper.LONG_BANNER:
        return "220 " + "x" * 2_000_000
    if not greeting and temper is Temper.INJECTED:
        return f"{status}\r\n250 2.0.0 Trust me"
    return status
