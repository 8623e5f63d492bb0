"""An SMTP client session (RFC 5321) that knows what it sent over what.

It is ours because the product's first promise hangs on it: content goes out only over TLS that was
verified on this very connection; what a server may have accepted is told apart from what it cannot
have; and nothing the server or an attacker writes at the wrong moment is believed.
"""

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from delivery.transports import tls
from delivery.transports.envelope import Envelope
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    Evidence,
    HostError,
    Level,
    Outcome,
    RecipientRefused,
    Stage,
    Uncertain,
    Verdict,
    classify,
)
from delivery.transports.plan import Target
from delivery.transports.replies import Reply
from delivery.transports.tls import TlsFacts
from delivery.transports.wire import ConnectionBrokenError, Wire

BeforeContent = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each step (RFC 5321 4.5.3.2), and for one message as a whole."""

    connect: float = 30
    greeting: float = 300
    handshake: float = 60
    command: float = 300
    data: float = 120
    final: float = 600
    quit: float = 5
    total: float = 1200


class Session:
    """One connection to one address of one mail host.

    ``deadline`` is in the event loop's time and bounds all waiting; the owner moves it for each
    message. A session in which something went wrong says so by ``reusable``.
    """

    def __init__(self, target: Target, ip: str, helo_name: str, timeouts: Timeouts) -> None:
        self.served = 0
        self.idle_since = 0.0
        self.reusable = True
        self.deadline = asyncio.get_running_loop().time() + timeouts.total
        self._target = target
        self._ip = ip
        self._helo_name = helo_name
        self._timeouts = timeouts
        self._wire = Wire()
        self._extensions: dict[str, str] = {}
        self._reached: Level = ""
        self._tls: TlsFacts | None = None
        self._matched = ""
        self._facts: dict[str, Any] | None = None
        self._needs_reset = False

    async def connect(self, port: int) -> None:
        """Connect, read the greeting, say EHLO. Raises :class:`HostError`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._remaining(self._timeouts.connect)):
                await loop.create_connection(lambda: self._wire, self._ip, port)
        except OSError as error:  # TimeoutError is one
            raise self._unusable("connection_failed", Stage.CONNECT) from error
        self._reached, self._facts = "L0", None
        self._set_no_delay()
        greeting = await self._reply(Stage.GREETING, self._timeouts.greeting)
        if greeting.code != 220:
            raise self._unusable("greeting_refused", Stage.GREETING, greeting)
        await self._ehlo()

    async def start_tls(self, context: ssl.SSLContext, *, verified: bool) -> None:
        """Encrypt the connection. Raises :class:`HostError`; the session is then of no more use.

        With ``verified`` the context, or the target's TLSA records where it has some, have to vouch
        for the server, and what was agreed has to be good enough for health information.
        """
        if "STARTTLS" not in self._extensions:
            raise self._no_tls("no_starttls", Stage.STARTTLS)
        reply = await self._command(b"STARTTLS", Stage.STARTTLS)
        if reply.code // 100 == 4:
            raise self._tls_temporary("starttls_deferred", Stage.STARTTLS, reply)
        if reply.code != 220:
            raise self._no_tls("starttls_refused", Stage.STARTTLS, reply)
        if self._wire.has_unread:  # CVE-2011-0411: whoever wrote this was not yet authenticated
            raise self._no_tls("injected_bytes", Stage.STARTTLS, reply)
        connection = await self._handshake(context)
        self._tls, self._facts = tls.facts(connection), None
        problem = self._problem(connection) if verified else None
        if problem is not None:
            raise self._no_tls(problem, Stage.HANDSHAKE)
        self._reached = "L2" if verified else "L1"
        await self._ehlo()

    async def log_in(self, user: str, password: str) -> None:
        """Tell a relay who we are (RFC 4954, 4616). Only ever inside verified TLS."""
        if self._reached != "L2" or "PLAIN" not in self._extensions.get("AUTH", "").split():
            raise self._unusable("login_refused", Stage.LOGIN)
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
        reply = await self._command(f"AUTH PLAIN {token}".encode("ascii"), Stage.LOGIN)
        if reply.code != 235:
            raise self._unusable("login_refused", Stage.LOGIN, reply)

    def level(self, target: Target) -> Level:
        """How well the way is protected for mail to the target's domain."""
        if self._reached != "L2" or not target.source:
            return self._reached
        return "L4" if "REQUIRETLS" in self._extensions else "L3"

    def evidence(self, target: Target) -> Evidence:
        """What can be said about the connection before any message, for the target's domain."""
        self._serve(target)
        return self._evidence(Stage.EHLO)

    def _serve(self, target: Target) -> None:
        if target is not self._target:
            self._target, self._facts = target, None

    async def deliver(
        self, envelope: Envelope, target: Target, before_content: BeforeContent | None
    ) -> Outcome:
        """Send one message. Raises :class:`HostError` when it ended before any content.

        ``target`` is this host as the recipient's domain has it.
        ``before_content`` is awaited after the server agreed to take the content and before the
        first byte of it; when it raises, the connection is dropped and nothing was sent.
        """
        self._serve(target)
        if envelope.needs_utf8 and "SMTPUTF8" not in self._extensions:
            unreachable = self._evidence(Stage.MAIL, code=553, enhanced="5.6.7")
            return RecipientRefused(kind="address_unreachable", evidence=unreachable)
        content = envelope.wire_content
        if 0 < self._size_limit < len(content):
            too_big = self._evidence(Stage.MAIL, code=552, enhanced="5.3.4")
            return RecipientRefused(kind="content", evidence=too_big)
        self.served += 1
        refusal = await self._converse(self._transaction(envelope, len(content)))
        if refusal is not None:
            return self._refused(*refusal)
        if before_content is not None:
            try:
                await before_content()
            except BaseException:
                self.abort()  # a dot now would be an empty message
                raise
        return await self._send_content(content)

    @property
    def usable(self) -> bool:
        """Whether another message may be sent over it."""
        return self.reusable and self._wire.usable

    async def quit(self) -> None:
        """Say goodbye if that is possible, and close."""
        if self.usable:
            self._wire.write(b"QUIT\r\n")
            with suppress(ConnectionBrokenError):  # it is closed either way
                await self._wire.reply(self._timeouts.quit)
        self.reusable = False
        await self._wire.close(self._timeouts.quit)

    def abort(self) -> None:
        """Close at once, without goodbye."""
        self.reusable = False
        self._wire.abort()

    # The transaction

    async def _send_content(self, content: bytes) -> Outcome:
        if not self._wire.usable:  # lost meanwhile, or an answer is here before the question
            self.abort()
            return Deferred(kind="connection_lost", evidence=self._evidence(Stage.DATA))
        self._wire.write(content)
        try:
            final = await self._wire.reply(self._remaining(self._timeouts.final))
        except ConnectionBrokenError:
            self.reusable = False
            return Uncertain(kind="lost_after_content", evidence=self._evidence(Stage.CONTENT))
        self.reusable = self.reusable and final.code != 421
        evidence = self._evidence(Stage.CONTENT, final)
        if final.code // 100 == 2:
            return Accepted(evidence=evidence)
        self._needs_reset = True
        if final.code // 100 == 3:  # no answer to content: we do not know what became of it
            self.reusable = False
            return Uncertain(kind="lost_after_content", evidence=evidence)
        return classify(evidence)

    def _transaction(self, envelope: Envelope, size: int) -> list[tuple[Stage, bytes]]:
        notify = parameters = ""
        if "SIZE" in self._extensions:
            parameters = f" SIZE={size}"
        if "DSN" in self._extensions:  # RFC 3461: bounces must not carry the content back
            parameters += f" RET=HDRS ENVID={envelope.identifier}"
            notify = " NOTIFY=FAILURE,DELAY"
        if self.level(self._target) == "L4":
            parameters += " REQUIRETLS"
        if envelope.needs_utf8:
            parameters += " SMTPUTF8"
        steps = [
            (Stage.MAIL, f"MAIL FROM:<{envelope.sender}>{parameters}".encode()),
            (Stage.RCPT, f"RCPT TO:<{envelope.recipient}>{notify}".encode()),
            (Stage.DATA, b"DATA"),
        ]
        return [(Stage.RSET, b"RSET"), *steps] if self._needs_reset else steps

    async def _converse(self, steps: Sequence[tuple[Stage, bytes]]) -> tuple[Stage, Reply] | None:
        """Go through the commands; the first that was refused, or None when content may follow.

        All go out in one write where the server offers that (RFC 2920).
        """
        pipelined = "PIPELINING" in self._extensions
        if pipelined:
            self._wire.write(b"".join([command + b"\r\n" for _, command in steps]))
        refusal: tuple[Stage, Reply] | None = None
        awaited = len(steps) if pipelined else 1
        for stage, command in steps:
            if not pipelined:
                self._wire.write(command + b"\r\n")
            limit = self._timeouts.data if stage is Stage.DATA else self._timeouts.command
            reply = await self._reply(stage, limit, awaited)
            awaited = 1
            if refusal is None and reply.code // 100 != (3 if stage is Stage.DATA else 2):
                refusal = stage, reply
                if not pipelined:
                    break
        self._needs_reset = refusal is not None
        if refusal is not None and pipelined and reply.code == 354:
            # It waits for content although it refused. An empty message would be a message.
            self.reusable = False
        return refusal

    def _refused(self, stage: Stage, reply: Reply) -> Outcome:
        evidence = self._evidence(stage, reply)
        if reply.code == 421:  # about the connection, not about the recipient
            self.reusable = False
            raise HostError(Verdict.TEMPORARY, "throttled", evidence)
        if reply.code // 100 not in (4, 5) or stage is Stage.RSET:
            self.reusable = False
            raise HostError(Verdict.TEMPORARY, "not_smtp", evidence)
        return classify(evidence)

    @property
    def _size_limit(self) -> int:
        """RFC 1870: octets the server takes; 0 when it names no limit."""
        limit = self._extensions.get("SIZE", "")
        return int(limit) if limit.isdigit() else 0

    # Setting up

    async def _ehlo(self) -> None:
        """Introduce ourselves; what was offered before is forgotten (RFC 3207 4.2)."""
        self._extensions = {}
        reply = await self._command(f"EHLO {self._helo_name}".encode("ascii"), Stage.EHLO)
        self._facts = None
        if reply.code == 250:
            for line in reply.lines[1:]:
                keyword, _, parameter = line.decode("ascii", "replace").partition(" ")
                self._extensions[keyword.upper()] = parameter.strip()
            return
        if reply.code not in (500, 502, 504):
            raise self._unusable("busy", Stage.EHLO, reply)
        reply = await self._command(f"HELO {self._helo_name}".encode("ascii"), Stage.EHLO)
        if reply.code != 250:
            raise self._unusable("busy", Stage.EHLO, reply)

    async def _handshake(self, context: ssl.SSLContext) -> ssl.SSLObject:
        check = self._target.dane
        name = check.base if check is not None else self._target.host.name
        try:
            return await self._wire.encrypt(
                context, name, self._remaining(self._timeouts.handshake)
            )
        except OSError as error:
            self.abort()
            problem = tls.lasting_problem(error)
            if problem is not None:
                raise self._no_tls(problem, Stage.HANDSHAKE) from error
            raise self._tls_temporary("handshake_failed", Stage.HANDSHAKE) from error

    def _problem(self, connection: ssl.SSLObject) -> str | None:
        """Why an encrypted connection must not carry health information, if it must not."""
        if self._target.dane is not None:
            record = self._target.dane.verify(tls.chain(connection), datetime.now(UTC))
            if record is None:
                return "dane_mismatch"
            self._matched = str(record)
        return tls.unacceptable(self._tls) if self._tls is not None else "handshake_failed"

    def _set_no_delay(self) -> None:
        transport = self._wire.transport
        if transport is not None:  # without it, small commands wait for acknowledgements
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Speaking

    async def _command(self, command: bytes, stage: Stage) -> Reply:
        self._wire.write(command + b"\r\n")
        return await self._reply(stage, self._timeouts.command)

    async def _reply(self, stage: Stage, limit: float, together: int = 1) -> Reply:
        """The next reply; a broken connection is the host's failure."""
        try:
            return await self._wire.reply(self._remaining(limit), together)
        except ConnectionBrokenError as broken:
            self.abort()
            raise self._unusable(broken.kind, stage) from broken

    def _remaining(self, limit: float) -> float:
        return min(limit, self.deadline - asyncio.get_running_loop().time())

    def _evidence(
        self,
        stage: Stage,
        reply: Reply | None = None,
        *,
        code: int | None = None,
        enhanced: str | None = None,
    ) -> Evidence:
        if self._facts is None:
            self._facts = self._look()
        return Evidence(
            stage=stage,
            code=reply.code if reply else code,
            enhanced=reply.enhanced if reply else enhanced,
            **self._facts,
        )

    def _look(self) -> dict[str, Any]:
        """What is the same for all evidence from this connection."""
        target, agreed = self._target, self._tls or TlsFacts("", "", "")
        return {
            "host": target.host.name,
            "ip": self._ip,
            "level": self.level(target),
            "tls_version": agreed.version,
            "cipher": agreed.cipher,
            "certificate_sha256": agreed.certificate_sha256,
            "certificate_issuer": agreed.issuer,
            "policy_source": target.source,
            "policy_id": target.policy_id or self._matched,
            "relay": target.relay,
        }

    def _unusable(self, kind: str, stage: Stage, reply: Reply | None = None) -> HostError:
        return HostError(Verdict.TEMPORARY, kind, self._evidence(stage, reply))

    def _no_tls(self, kind: str, stage: Stage, reply: Reply | None = None) -> HostError:
        return HostError(Verdict.NOT_TLS, kind, self._evidence(stage, reply))

    def _tls_temporary(self, kind: str, stage: Stage, reply: Reply | None = None) -> HostError:
        return HostError(Verdict.TLS_TEMPORARY, kind, self._evidence(stage, reply))
