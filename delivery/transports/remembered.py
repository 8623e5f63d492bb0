"""Answers from the network, kept for as long as they say."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

MAX_KEPT = 10_000

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """A bounded memory that asks each question once at a time, whoever waits for the answer."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Value]] = {}
        self._running: dict[str, asyncio.Task[Value]] = {}

    def known(self, key: str) -> Value | None:
        """The answer, if it is kept; costs no turn of the event loop."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and kept[0] > time.monotonic() else None

    async def get(self, key: str, ask: Callable[[], Awaitable[tuple[Value, float]]]) -> Value:
        """The answer; ``ask`` gives it with the seconds it may be kept. What it raises passes."""
        kept = self.known(key)
        if kept is not None:
            return kept
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, ask))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        # Shielded: when one of several who wait is cancelled, the others still get it.
        return await asyncio.shield(task)

    async def _ask(self, key: str, ask: Callable[[], Awaitable[tuple[Value, float]]]) -> Value:
        value, seconds = await ask()
        if seconds > 0:
            if len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = time.monotonic() + seconds, value
        return value
