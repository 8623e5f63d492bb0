"""How much a mail provider takes from us at once, by the name of its mail servers.

Many domains share one provider; it counts us as one sender. The numbers are where to begin: what a
provider says to us while we send counts for more (see `delivery.lanes`).
"""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """``connections`` at once and ``messages_per_connection``, over all processes that send;
    ``per_minute`` messages, if the provider is known to count them."""

    name: str
    connections: int
    messages_per_connection: int
    per_minute: int | None = None


# Public figures of the providers and of senders who publish theirs; suffixes of MX host names.
LANES: tuple[tuple[tuple[str, ...], Lane], ...] = (
    (("google.com", "googlemail.com", "smtp.goog"), Lane("google", 5, 50)),
    (("outlook.com", "mx.microsoft", "office365.us", "hotmail.com"), Lane("microsoft", 5, 50)),
    (("yahoodns.net", "yahoo.com", "aol.com"), Lane("yahoo", 10, 20)),
    (("icloud.com", "apple.com"), Lane("apple", 10, 5)),
    (("comcast.net",), Lane("comcast", 10, 100)),
)


def lane_of(host: str, connections: int, messages_per_connection: int) -> Lane:
    """The lane of a mail server; one of its own, with these limits, where no provider is known."""
    for suffixes, lane in LANES:
        if any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes):
            return lane
    return Lane(host, connections, messages_per_connection)


class Gate:
    """A lane as one process passes it: its share of the connections, and of the rate.

    ``processes`` is how many processes send. Belongs to one event loop.
    """

    def __init__(self, lane: Lane, processes: int) -> None:
        self.lane = lane
        self.slots = asyncio.Semaphore(max(1, lane.connections // processes))
        per_minute = lane.per_minute
        self._pause = 60 * processes / per_minute if per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until one more message may go by this lane."""
        if not self._pause:
            return
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now) + self._pause
        if self._next - self._pause > now:
            await asyncio.sleep(self._next - self._pause - now)
