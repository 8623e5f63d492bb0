"""Connections to one mail host, kept open between messages."""

import asyncio
import ssl
from dataclasses import dataclass

from delivery.transports.envelope import Envelope
from delivery.transports.lanes import Gate
from delivery.transports.outcomes import (
    Evidence,
    HostError,
    Level,
    Outcome,
    Reachable,
    Verdict,
)
from delivery.transports.plan import Target
from delivery.transports.smtp import BeforeContent, Session, Timeouts
from delivery.transports.tls import Protection

# Seconds for which a failure to open a connection answers for the messages that follow, so that a
# thousand patients of one domain do not mean a thousand failing handshakes.
REMEMBER = {Verdict.NOT_TLS: 300.0, Verdict.TLS_TEMPORARY: 60.0, Verdict.TEMPORARY: 60.0}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the pools of one courier have in common.

    ``keep_idle``: seconds for which a connection waits for a next message. ``login``: user and
    password for a relay. ``processes``: how many processes share the limits.
    """

    port: int
    helo_name: str
    connections: int
    messages_per_connection: int
    timeouts: Timeouts
    keep_idle: float
    login: tuple[str, str] | None = None
    processes: int = 1


class Pool:
    """The connections to one mail host under one kind of protection."""

    def __init__(
        self, protection: Protection, context: ssl.SSLContext, settings: Settings, gate: Gate
    ) -> None:
        self._protection = protection
        self._context = context
        self._settings = settings
        self._gate = gate
        self._idle: list[Session] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._failure: HostError | None = None
        self._failure_ends = 0.0

    async def deliver(
        self,
        target: Target,
        envelope: Envelope,
        before_content: BeforeContent | None,
        minimum_level: Level,
    ) -> Outcome:
        """Send one message. Raises :class:`HostError` when it ended before any content."""
        async with self._gate.slots:
            await self._gate.turn()
            session = self._take_idle()
            if session is not None:
                self._demand(session, target, minimum_level)
                try:
                    return await self._deliver_over(session, target, envelope, before_content)
                except HostError:
                    pass  # it had been open for a while: the server may just have hung up
            session = await self._open(target)
            self._demand(session, target, minimum_level)
            return await self._deliver_over(session, target, envelope, before_content)

    async def probe(self, target: Target, minimum_level: Level) -> Reachable:
        """Open a connection as for a message, and close it. Raises :class:`HostError`."""
        async with self._gate.slots:
            session = await self._open(target)
            evidence = session.evidence(target)
            await session.quit()
        if evidence.level < minimum_level:
            raise _below(evidence)
        return Reachable(evidence=evidence)

    async def close(self) -> None:
        """Say goodbye on all open connections."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        sessions, self._idle = self._idle, []
        await asyncio.gather(*self._leaving, *(session.quit() for session in sessions))

    def _demand(self, session: Session, target: Target, minimum_level: Level) -> None:
        """Raise when the connection is less than this message demands; others may still use it."""
        if session.level(target) < minimum_level:
            self._put_aside(session)
            raise _below(session.evidence(target))

    async def _deliver_over(
        self,
        session: Session,
        target: Target,
        envelope: Envelope,
        before_content: BeforeContent | None,
    ) -> Outcome:
        session.deadline = asyncio.get_running_loop().time() + self._settings.timeouts.total
        try:
            outcome = await session.deliver(envelope, target, before_content)
        except BaseException:  # in the middle of a conversation nobody will continue
            session.abort()
            raise
        if session.usable and session.served < self._gate.lane.messages_per_connection:
            self._put_aside(session)
        else:
            await session.quit()
        return outcome

    def _put_aside(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        session.idle_since = loop.time()
        self._idle.append(session)
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._settings.keep_idle, self._sweep)

    def _sweep(self) -> None:
        """Say goodbye where nothing was sent for a while: servers dislike idle clients."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._settings.keep_idle
        for session in [each for each in self._idle if each.idle_since <= oldest]:
            self._idle.remove(session)
            task = loop.create_task(session.quit())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        self._sweeper = (
            loop.call_later(self._settings.keep_idle, self._sweep) if self._idle else None
        )

    def _take_idle(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if session.usable:
                return session
            session.abort()
        return None

    async def _open(self, target: Target) -> Session:
        """A new session to the first address that answers, protected as this pool demands."""
        now = asyncio.get_running_loop().time()
        if self._failure is not None and now < self._failure_ends:
            known = self._failure
            raise HostError(known.verdict, known.kind, known.evidence)
        failure: HostError | None = None
        for ip in target.host.addresses:
            try:
                return await self._open_address(target, ip)
            except HostError as error:
                failure = heavier(failure, error)
        if failure is None:
            raise ValueError("A mail host has at least one address.")
        self._failure = failure
        self._failure_ends = now + REMEMBER[failure.verdict]
        raise failure

    async def _open_address(self, target: Target, ip: str) -> Session:
        if self._protection is Protection.VERIFIED:
            return await self._connect(target, ip, encrypt=True)
        try:
            return await self._connect(target, ip, encrypt=True)
        except HostError as error:
            if error.verdict is Verdict.TEMPORARY:
                raise
            return await self._connect(target, ip, encrypt=False)

    async def _connect(self, target: Target, ip: str, *, encrypt: bool) -> Session:
        session = Session(target, ip, self._settings.helo_name, self._settings.timeouts)
        try:
            await session.connect(self._settings.port)
            if encrypt:
                verified = self._protection is Protection.VERIFIED
                await session.start_tls(self._context, verified=verified)
            if self._settings.login is not None:
                await session.log_in(*self._settings.login)
        except HostError:
            await session.quit()
            raise
        except BaseException:
            session.abort()
            raise
        return session


def heavier(first: HostError | None, second: HostError) -> HostError:
    """Of two failures the one to report: what may pass weighs more than what will not."""
    weight = [Verdict.NOT_TLS, Verdict.TEMPORARY, Verdict.TLS_TEMPORARY]
    if first is None or weight.index(second.verdict) > weight.index(first.verdict):
        return second
    return first


def _below(evidence: Evidence) -> HostError:
    return HostError(Verdict.NOT_TLS, "below_required_level", evidence)
