"""Takes messages to the mail servers of their recipients and says what became of each.

A courier belongs to one event loop. It keeps connections open between messages of one run and
shares them among all domains of the same mail host.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from delivery.transports.dane import DaneCheck
from delivery.transports.dns import DeadDomainError, LookupFailedError, Resolver
from delivery.transports.envelope import Envelope
from delivery.transports.lanes import Gate, lane_of
from delivery.transports.mta_sts import Policies
from delivery.transports.outcomes import (
    Deferred,
    DomainDead,
    Evidence,
    HostError,
    Level,
    Outcome,
    ProbeOutcome,
    Stage,
    TlsTemporary,
    Unprotected,
    Verdict,
)
from delivery.transports.plan import Plan, Planner, RelayPlanner, Target
from delivery.transports.pool import Pool, Settings, heavier
from delivery.transports.smtp import BeforeContent, Timeouts
from delivery.transports.tls import Protection, client_context, dane_context

Result = TypeVar("Result")


class Courier:
    """Sends messages; safe to use for many at once with ``asyncio.gather``.

    ``policies`` finds MTA-STS policies; without it none are looked for. ``minimum_level`` holds for
    verified mail: below it a domain counts as unprotected. ``ca_file`` replaces the system's
    certificate authorities (a laboratory's own); ``helo_name`` is the name this machine's address
    resolves back to. ``connections_per_host`` bounds the connections to one mail host,
    ``messages_per_connection`` and ``keep_idle`` (seconds) how long one is kept; known providers
    have limits of their own (``lanes``), which ``processes`` that send share.

    With ``smarthost`` (name and port) everything goes to that one relay, over TLS verified for its
    name, whatever protection a message asks for; with ``login`` (user and password) after telling
    it who we are. The relay then has to see to the rest of the way.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        helo_name: str,
        policies: Policies | None = None,
        minimum_level: Level = "",
        smarthost: tuple[str, int] | None = None,
        login: tuple[str, str] | None = None,
        ca_file: Path | None = None,
        port: int = 25,
        connections_per_host: int = 10,
        messages_per_connection: int = 100,
        keep_idle: float = 30,
        processes: int = 1,
        timeouts: Timeouts | None = None,
    ) -> None:
        if login is not None and smarthost is None:
            raise ValueError("A login is for a smarthost only.")
        self._planner: Planner | RelayPlanner = Planner(resolver, policies, port)
        self._is_relayed = smarthost is not None
        if smarthost is not None:
            name, port = smarthost
            self._planner = RelayPlanner(resolver, name)
        self._minimum_level = minimum_level
        self._settings = Settings(
            port,
            helo_name,
            connections_per_host,
            messages_per_connection,
            timeouts or Timeouts(),
            keep_idle,
            login,
            processes,
        )
        self._contexts = {kind: client_context(kind, ca_file) for kind in Protection}
        self._dane_context = dane_context()
        self._gates: dict[str, Gate] = {}
        self._pools: dict[tuple[str, Protection, DaneCheck | None], Pool] = {}

    async def send(
        self,
        envelope: Envelope,
        protection: Protection,
        before_content: BeforeContent | None = None,
        *,
        minimum_level: Level = "",
    ) -> Outcome:
        """Send one message to the first mail host that takes it, and say what became of it.

        ``before_content`` is awaited when a server has agreed to take the content, before the
        first byte of it: the place to write down that from now on the message may arrive. What it
        raises passes through, with nothing sent. Every failure of the network is an outcome.
        ``minimum_level`` is this message's own, beside the courier's.
        """
        level = self._demanded(protection, minimum_level)

        async def deliver(pool: Pool, target: Target) -> Outcome:
            return await pool.deliver(target, envelope, before_content, level)

        return await self._try_hosts(envelope.recipient.domain, protection, deliver)

    async def probe(self, domain: str, *, minimum_level: Level = "") -> ProbeOutcome:
        """Would a message to the domain find verified TLS now? Asks its servers, sends nothing.

        Only a forecast: what counts is the connection that carries the message.
        """
        level = self._demanded(Protection.VERIFIED, minimum_level)

        async def probe(pool: Pool, target: Target) -> ProbeOutcome:
            return await pool.probe(target, level)

        return await self._try_hosts(domain, Protection.VERIFIED, probe)

    async def close(self) -> None:
        """Say goodbye on all open connections."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    def _demanded(self, protection: Protection, minimum_level: Level) -> Level:
        if protection is not Protection.VERIFIED:
            return minimum_level
        return max("L2", self._minimum_level, minimum_level)

    async def _try_hosts(
        self,
        domain: str,
        protection: Protection,
        use: Callable[[Pool, Target], Awaitable[Result]],
    ) -> "Result | Deferred | Unprotected | TlsTemporary | DomainDead":
        if self._is_relayed:
            protection = Protection.VERIFIED
        try:
            plan: Plan = await self._planner.plan(domain, protection)
        except DeadDomainError as dead:
            evidence = Evidence(stage=Stage.LOOKUP, enhanced=dead.status)
            return DomainDead(kind=dead.kind, evidence=evidence)
        except LookupFailedError:
            return Deferred(kind="lookup_failed", evidence=Evidence(stage=Stage.LOOKUP))
        failures = list(plan.barred)
        for target in plan.in_order():
            try:
                return await use(self._pool(target, protection), target)
            except HostError as failure:
                failures.append(failure)
        return _no_host_took_it(failures)

    def _pool(self, target: Target, protection: Protection) -> Pool:
        key = target.host.name, protection, target.dane
        pool = self._pools.get(key)
        if pool is None:
            context = self._contexts[protection] if target.dane is None else self._dane_context
            gate = self._gate(target.host.name)
            pool = self._pools[key] = Pool(protection, context, self._settings, gate)
        return pool

    def _gate(self, host: str) -> Gate:
        """What all hosts of a provider share."""
        each = self._settings
        lane = lane_of(host, each.connections, each.messages_per_connection)
        return self._gates.setdefault(lane.name, Gate(lane, each.processes))


def _no_host_took_it(
    failures: Sequence[HostError],
) -> Deferred | Unprotected | TlsTemporary:
    """The outcome when every host failed before any content.

    Only when no host can do acceptable TLS is the domain unprotected. When some cannot and others
    are out of reach for now, another attempt may succeed: within the time for TLS troubles.
    """
    verdicts = {failure.verdict for failure in failures}
    failure = failures[0]
    for other in failures[1:]:
        failure = heavier(failure, other)
    if verdicts == {Verdict.NOT_TLS}:
        return Unprotected(kind=failure.kind, evidence=failure.evidence)
    if verdicts == {Verdict.TEMPORARY}:
        return Deferred(kind=failure.kind, evidence=failure.evidence)
    return TlsTemporary(kind=failure.kind, evidence=failure.evidence)
