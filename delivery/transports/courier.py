"""Takes messages to the mail servers of their recipients and says what became of each.

A courier belongs to one event loop. It keeps connections open between messages of one run and
shares them among all domains of the same mail host.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from delivery.transports.dns import DeadDomainError, LookupFailedError, MailHost, Resolver
from delivery.transports.envelope import Envelope
from delivery.transports.outcomes import (
    Deferred,
    DomainDead,
    Evidence,
    Outcome,
    Stage,
    TlsTemporary,
    Unprotected,
)
from delivery.transports.smtp import BeforeContent, HostError, Session, Timeouts, Verdict
from delivery.transports.tls import Protection, client_context

# Seconds for which a failure to open a connection answers for the messages that follow, so that a
# thousand patients of one domain do not mean a thousand failing handshakes.
REMEMBER = {Verdict.NOT_TLS: 300.0, Verdict.TLS_TEMPORARY: 60.0, Verdict.TEMPORARY: 60.0}


@dataclass(frozen=True, slots=True)
class _Settings:
    port: int
    helo_name: str
    messages_per_connection: int
    timeouts: Timeouts


class Courier:
    """Sends messages; safe to use for many at once with ``asyncio.gather``.

    ``ca_file`` replaces the system's certificate authorities (a laboratory's own); ``helo_name`` is
    the name this machine's address resolves back to. ``connections_per_host`` bounds the
    connections to one mail host, ``messages_per_connection`` how long one is kept.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        helo_name: str,
        ca_file: Path | None = None,
        port: int = 25,
        connections_per_host: int = 10,
        messages_per_connection: int = 100,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._resolver = resolver
        self._settings = _Settings(port, helo_name, messages_per_connection, timeouts or Timeouts())
        self._connections_per_host = connections_per_host
        self._contexts = {kind: client_context(kind, ca_file) for kind in Protection}
        self._pools: dict[tuple[str, Protection], _Pool] = {}

    async def send(
        self,
        envelope: Envelope,
        protection: Protection,
        before_content: BeforeContent | None = None,
    ) -> Outcome:
        """Send one message to the first mail host that takes it, and say what became of it.

        ``before_content`` is awaited when a server has agreed to take the content, before the
        first byte of it: the place to write down that from now on the message may arrive. What it
        raises passes through, with nothing sent. Every failure of the network is an outcome.
        """
        try:
            hosts = await self._resolver.mail_hosts(envelope.recipient.domain)
        except DeadDomainError as dead:
            evidence = Evidence(stage=Stage.LOOKUP, enhanced=dead.status)
            return DomainDead(kind=dead.kind, evidence=evidence)
        except LookupFailedError:
            return Deferred(kind="lookup_failed", evidence=Evidence(stage=Stage.LOOKUP))
        failures: list[HostError] = []
        for host in hosts:
            try:
                return await self._pool(host.name, protection).deliver(
                    host, envelope, before_content
                )
            except HostError as failure:
                failures.append(failure)
        return _no_host_took_it(failures)

    async def close(self) -> None:
        """Say goodbye on all open connections."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    def _pool(self, host_name: str, protection: Protection) -> "_Pool":
        key = host_name, protection
        if key not in self._pools:
            self._pools[key] = _Pool(
                protection, self._contexts[protection], self._settings, self._connections_per_host
            )
        return self._pools[key]


class _Pool:
    """The connections to one mail host under one kind of protection."""

    def __init__(
        self,
        protection: Protection,
        context: ssl.SSLContext,
        settings: _Settings,
        connections: int,
    ) -> None:
        self._protection = protection
        self._context = context
        self._settings = settings
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[Session] = []
        self._failure: HostError | None = None
        self._failure_ends = 0.0

    async def deliver(
        self, host: MailHost, envelope: Envelope, before_content: BeforeContent | None
    ) -> Outcome:
        async with self._slots:
            session = self._take_idle()
            if session is not None:
                try:
                    return await self._deliver_over(session, envelope, before_content)
                except HostError:
                    pass  # it had been open for a while: the server may just have hung up
            session = await self._open(host)
            return await self._deliver_over(session, envelope, before_content)

    async def close(self) -> None:
        sessions, self._idle = self._idle, []
        await asyncio.gather(*(session.quit() for session in sessions))

    async def _deliver_over(
        self, session: Session, envelope: Envelope, before_content: BeforeContent | None
    ) -> Outcome:
        session.deadline = asyncio.get_running_loop().time() + self._settings.timeouts.total
        try:
            outcome = await session.deliver(envelope, before_content)
        except BaseException:  # in the middle of a conversation nobody will continue
            session.abort()
            raise
        if session.usable and session.served < self._settings.messages_per_connection:
            self._idle.append(session)
        else:
            await session.quit()
        return outcome

    def _take_idle(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if session.usable:
                return session
            session.abort()
        return None

    async def _open(self, host: MailHost) -> Session:
        """A new session to the first address that answers, protected as this pool demands."""
        now = asyncio.get_running_loop().time()
        if self._failure is not None and now < self._failure_ends:
            known = self._failure
            raise HostError(known.verdict, known.kind, known.evidence)
        failure: HostError | None = None
        for ip in host.addresses:
            try:
                return await self._open_address(host.name, ip)
            except HostError as error:
                failure = _heavier(failure, error)
        if failure is None:
            raise ValueError("A mail host has at least one address.")
        self._failure = failure
        self._failure_ends = now + REMEMBER[failure.verdict]
        raise failure

    async def _open_address(self, name: str, ip: str) -> Session:
        if self._protection is Protection.VERIFIED:
            return await self._connect(name, ip, encrypt=True)
        try:
            return await self._connect(name, ip, encrypt=True)
        except HostError as error:
            if error.verdict is Verdict.TEMPORARY:
                raise
            return await self._connect(name, ip, encrypt=False)

    async def _connect(self, name: str, ip: str, *, encrypt: bool) -> Session:
        session = Session(name, ip, self._settings.helo_name, self._settings.timeouts)
        try:
            await session.connect(self._settings.port)
            if encrypt:
                verified = self._protection is Protection.VERIFIED
                await session.start_tls(self._context, verified=verified)
        except HostError:
            await session.quit()
            raise
        except BaseException:
            session.abort()
            raise
        return session


def _heavier(first: HostError | None, second: HostError) -> HostError:
    """Of two failures the one to report: what may pass weighs more than what will not."""
    weight = [Verdict.NOT_TLS, Verdict.TEMPORARY, Verdict.TLS_TEMPORARY]
    if first is None or weight.index(second.verdict) > weight.index(first.verdict):
        return second
    return first


def _no_host_took_it(failures: Sequence[HostError]) -> Outcome:
    """The outcome when every host failed before any content.

    Only when no host can do acceptable TLS is the domain unprotected. When some cannot and others
    are out of reach for now, another attempt may succeed: within the time for TLS troubles.
    """
    verdicts = {failure.verdict for failure in failures}
    failure = failures[0]
    for other in failures[1:]:
        failure = _heavier(failure, other)
    if verdicts == {Verdict.NOT_TLS}:
        return Unprotected(kind=failure.kind, evidence=failure.evidence)
    if verdicts == {Verdict.TEMPORARY}:
        return Deferred(kind=failure.kind, evidence=failure.evidence)
    return TlsTemporary(kind=failure.kind, evidence=failure.evidence)
