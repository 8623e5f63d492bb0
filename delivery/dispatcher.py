"""Many letters at the same time: asyncio and nothing else, no Django, no database.

`Dispatcher.run` turns between its event loop and its caller, in one thread. It calls back whenever
there is something to write down: messages whose server has agreed to take the content and that wait
for leave to send it, and what became of others. They gather until half of those that are being sent
wait for leave, so that many share a commit, and a crash still leaves only them in doubt.

The loop stands still while the caller writes: replies wait in their sockets for some milliseconds.
A thread for each would cost more than that, since only one of them runs Python at a time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from asyncio import FIRST_COMPLETED, Future
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import uvloop

from delivery.dkim import Signer
from delivery.letters import Letter
from delivery.transports.courier import Courier
from delivery.transports.envelope import Envelope
from delivery.transports.outcomes import Level, Outcome
from delivery.transports.tls import Protection

SIGNERS = 2
"""Threads that sign: an RSA signature takes most of a message's time and releases the interpreter.
"""
SIGNED_AT_ONCE = 8
GATHERING = 0.02
"""Seconds after which what has gathered is written down, though few wait for it."""
KEPT_IDLE = 30.0
"""Seconds without a run after which the connections are closed."""

WriteDown = Callable[
    [Sequence[Hashable], Sequence[tuple[Hashable, Outcome]]], tuple[set[Hashable], bool]
]
"""Called with the keys that ask for leave and with what became of others. Gives those that have
leave, and whether to go on with what still waits. It must be committed when it returns."""


class NoLeave(Exception):
    """This message may not be sent after all: what stood when it was prepared stands no more."""


@dataclass(slots=True)
class Outgoing:
    """One letter to send, under a key of the caller's."""

    key: Hashable
    letter: Letter = field(repr=False)


class Dispatcher:
    """Sends letters over connections that it keeps. Made once per process; of several threads that
    call it, one sends at a time."""

    def __init__(self, make_courier: Callable[[], Courier]) -> None:
        self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._turn = threading.Lock()
        self._signers = ThreadPoolExecutor(SIGNERS, "signer")
        self._courier = self._loop.run_until_complete(_made(make_courier))
        self._leaver: threading.Timer | None = None
        self._used = 0.0

    def run(
        self,
        letters: Sequence[Outgoing],
        signer: Signer,
        at_once: int,
        write_down: WriteDown,
        minimum_level: Level = "",
    ) -> None:
        """Send letters, `at_once` at the same time. Returns when all that left are written down.
        `minimum_level` is for those whose content goes by mail.

        What `write_down` raises ends the run: nothing more is sent, and what is in the air stays in
        doubt.
        """
        with self._turn:
            run = _Run(self._courier, self._sign(letters, signer), minimum_level)
            sending = self._loop.create_task(run.send(at_once))
            try:
                while not sending.done() or run.asking or run.outcomes:
                    self._loop.run_until_complete(run.something(sending))
                    asking, outcomes = run.taken()
                    if asking or outcomes:
                        allowed, run.goes_on = write_down(list(asking), outcomes)
                        run.answer(asking, allowed)
            finally:
                sending.cancel()
                self._loop.run_until_complete(asyncio.wait([sending]))
                self._leave_later()
            sending.result()

    def close_idle(self) -> None:
        """Say goodbye on connections that nobody uses."""
        with self._turn:
            self._loop.run_until_complete(self._courier.close())

    def close(self) -> None:
        """Close every connection, and end."""
        self.close_idle()
        self._signers.shutdown()
        self._loop.close()

    def _sign(
        self, letters: Sequence[Outgoing], signer: Signer
    ) -> deque[tuple[Outgoing, int, Future[list[Envelope]]]]:
        """Have letters signed in order, some at a time: each with its place among those."""
        waiting: deque[tuple[Outgoing, int, Future[list[Envelope]]]] = deque()
        for start in range(0, len(letters), SIGNED_AT_ONCE):
            some = letters[start : start + SIGNED_AT_ONCE]
            signed = self._loop.run_in_executor(self._signers, _signed, some, signer)
            waiting.extend((each, place, signed) for place, each in enumerate(some))
        return waiting

    def _leave_later(self) -> None:
        """Between runs nobody turns the loop, so a timer sees to it that no server has an idle
        client for long."""
        self._used = time.monotonic()
        if self._leaver is None:
            self._leave_in(KEPT_IDLE)

    def _leave_in(self, seconds: float) -> None:
        self._leaver = threading.Timer(seconds, self._leave)
        self._leaver.daemon = True
        self._leaver.start()

    def _leave(self) -> None:
        with self._turn:
            self._leaver = None
            rest = self._used + KEPT_IDLE - time.monotonic()
            if rest > 0:
                self._leave_in(rest)
            elif not self._loop.is_closed():
                self._loop.run_until_complete(self._courier.close())


class _Run:
    """One call of `Dispatcher.run`."""

    def __init__(
        self,
        courier: Courier,
        waiting: deque[tuple[Outgoing, int, Future[list[Envelope]]]],
        minimum_level: Level,
    ) -> None:
        self.asking: dict[Hashable, asyncio.Future[None]] = {}
        self.outcomes: list[tuple[Hashable, Outcome]] = []
        self.goes_on = True
        self._courier = courier
        self._waiting = waiting
        self._minimum_level = minimum_level
        self._talking = 0
        self._enough: asyncio.Future[None] | None = None

    async def something(self, sending: asyncio.Task[None]) -> None:
        """Until there is enough to write down, or time to, or all is sent."""
        self._enough = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._enough, sending], timeout=GATHERING, return_when=FIRST_COMPLETED)
        self._enough = None

    def taken(self) -> tuple[dict[Hashable, asyncio.Future[None]], list[tuple[Hashable, Outcome]]]:
        """What has gathered since the last call."""
        asking, self.asking = self.asking, {}
        outcomes, self.outcomes = self.outcomes, []
        return asking, outcomes

    def answer(self, asking: dict[Hashable, asyncio.Future[None]], allowed: set[Hashable]) -> None:
        """Give leave, or refuse it."""
        for key, leave in asking.items():
            if leave.done():
                continue
            if key in allowed:
                leave.set_result(None)
            else:
                leave.set_exception(NoLeave())

    async def send(self, at_once: int) -> None:
        """Work through what waits, so many at the same time."""
        self._talking = min(at_once, len(self._waiting))
        async with asyncio.TaskGroup() as group:
            for _ in range(self._talking):
                group.create_task(self._until_done())

    async def _until_done(self) -> None:
        try:
            await self._one_after_another()
        finally:
            self._talking -= 1

    async def _one_after_another(self) -> None:
        while self._waiting and self.goes_on:
            outgoing, place, signed = self._waiting.popleft()
            envelopes = await signed
            if envelopes[place].identifier != outgoing.letter.identifier:
                raise RuntimeError("a letter was to go out in another's envelope")
            protection = outgoing.letter.protection
            try:
                outcome = await self._courier.send(
                    envelopes[place],
                    protection,
                    partial(self._leave, outgoing.key),
                    minimum_level=self._minimum_level if protection is Protection.VERIFIED else "",
                )
            except NoLeave:
                continue
            self.outcomes.append((outgoing.key, outcome))

    async def _leave(self, key: Hashable) -> None:
        leave = asyncio.get_running_loop().create_future()
        self.asking[key] = leave
        enough = self._enough
        if enough is not None and not enough.done() and 2 * len(self.asking) >= self._talking:
            enough.set_result(None)
        try:
            await leave
        except asyncio.CancelledError:
            self.asking.pop(key, None)
            raise
        # While the caller wrote, nobody read: what the server said meanwhile has to be seen before
        # content follows.
        await asyncio.sleep(0)


def _signed(letters: Sequence[Outgoing], signer: Signer) -> list[Envelope]:
    return [each.letter.signed(signer) for each in letters]


async def _made(make_courier: Callable[[], Courier]) -> Courier:
    """Made inside the loop that it belongs to."""
    return make_courier()
