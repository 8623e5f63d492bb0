"""The thread in which mail is sent: asyncio and nothing else, no Django, no database.

Whoever sends keeps the database to their own thread. `Dispatcher.run` calls back there whenever
there is something to write down: messages whose server has agreed to take the content and that wait
for leave to send it, and what became of others. They gather until half of those that are being sent
wait for leave, so that many share a commit, and a crash still leaves only them in doubt.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

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

T = TypeVar("T")

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
    """Sends letters over connections that it keeps. Made once per process; safe to use from several
    threads."""

    def __init__(self, make_courier: Callable[[], Courier]) -> None:
        self._loop = uvloop.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="dispatcher", daemon=True).start()
        self._signers = ThreadPoolExecutor(SIGNERS, "signer")
        self._courier = self._call(_made(make_courier)).result()

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
        run = _Run(self._courier, self._sign(letters, signer), minimum_level)
        finished = self._call(run.send(at_once))
        finished.add_done_callback(lambda _: run.something.set())
        try:
            while not finished.done() or run.asking or run.outcomes:
                run.something.wait(GATHERING)
                run.something.clear()
                asking, outcomes = run.taken()
                if asking or outcomes:
                    allowed, run.goes_on = write_down(list(asking), outcomes)
                    self._loop.call_soon_threadsafe(run.answer, asking, allowed)
        except BaseException:
            finished.cancel()
            raise
        finished.result()

    def close_idle(self) -> None:
        """Say goodbye on connections that nobody uses."""
        self._call(self._courier.close()).result()

    def close(self) -> None:
        """Close every connection, and end."""
        self.close_idle()
        self._signers.shutdown()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _sign(
        self, letters: Sequence[Outgoing], signer: Signer
    ) -> deque[tuple[Outgoing, int, Future[list[Envelope]]]]:
        """Have letters signed in order, some at a time: each with its place among those."""
        waiting: deque[tuple[Outgoing, int, Future[list[Envelope]]]] = deque()
        for start in range(0, len(letters), SIGNED_AT_ONCE):
            some = letters[start : start + SIGNED_AT_ONCE]
            signed = self._signers.submit(_signed, some, signer)
            waiting.extend((each, place, signed) for place, each in enumerate(some))
        return waiting

    def _call(self, coroutine: Coroutine[object, object, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


class _Run:
    """One call of `Dispatcher.run`. Its lists are filled in the loop's thread and emptied by the
    caller's."""

    def __init__(
        self,
        courier: Courier,
        waiting: deque[tuple[Outgoing, int, Future[list[Envelope]]]],
        minimum_level: Level,
    ) -> None:
        self.asking: dict[Hashable, asyncio.Future[None]] = {}
        self.outcomes: list[tuple[Hashable, Outcome]] = []
        self.something = threading.Event()
        self.goes_on = True
        self._lock = threading.Lock()
        self._courier = courier
        self._waiting = waiting
        self._minimum_level = minimum_level
        self._talking = 0

    def taken(self) -> tuple[dict[Hashable, asyncio.Future[None]], list[tuple[Hashable, Outcome]]]:
        """What has gathered since the last call."""
        with self._lock:
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
            envelopes = await asyncio.wrap_future(signed)
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
            with self._lock:
                self.outcomes.append((outgoing.key, outcome))

    async def _leave(self, key: Hashable) -> None:
        leave = asyncio.get_running_loop().create_future()
        with self._lock:
            self.asking[key] = leave
        if 2 * len(self.asking) >= self._talking:
            self.something.set()
        await leave


def _signed(letters: Sequence[Outgoing], signer: Signer) -> list[Envelope]:
    return [each.letter.signed(signer) for each in letters]


async def _made(make_courier: Callable[[], Courier]) -> Courier:
    """Made inside the loop that it belongs to."""
    return make_courier()
