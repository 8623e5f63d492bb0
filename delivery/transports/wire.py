"""The connection under an SMTP session: bytes out, replies in."""

import asyncio
import ssl
from collections import deque
from contextlib import suppress
from functools import partial
from typing import cast

from delivery.transports.replies import Reply, ReplyError, ReplyParser

# A server that sends more replies than we asked for is flooding us.
MAX_UNREAD_REPLIES = 16
MAX_RECORD = 64 * 1024


class ConnectionBrokenError(Exception):
    """The connection ended, was silent too long or carried no SMTP; ``kind`` says which."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Wire(asyncio.Protocol):
    """One TCP connection, in clear and then, after :meth:`encrypt`, in TLS.

    TLS is done here, in memory, and not by asyncio's transport: that one costs as much for a
    message as everything else together.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.transport: asyncio.Transport | None = None
        self._parser = ReplyParser()
        self._replies: deque[Reply] = deque()
        self._broken: str | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 1
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._handshake: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._tls is None:
            self._take(data)
            return
        self._incoming.write(data)
        if self._handshake is None:
            self._decrypt(self._tls)
        else:
            self._shake_hands(self._tls, self._handshake)

    def connection_lost(self, exc: Exception | None) -> None:
        self._broken = self._broken or "connection_lost"
        if self._timer is not None:
            self._timer.cancel()
        if self._handshake is not None and not self._handshake.done():
            self._handshake.set_exception(ConnectionResetError())
        self._wake()
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def usable(self) -> bool:
        """Whether a command may be sent: still open, and nothing unasked-for has arrived."""
        return self._broken is None and not self.has_unread

    @property
    def has_unread(self) -> bool:
        """Whether bytes have arrived that nobody asked for."""
        return bool(self._replies) or self._parser.unfinished

    def write(self, data: bytes) -> None:
        """Send; what cannot be sent shows when the reply is awaited."""
        if self.transport is None or self._broken:
            return
        if self._tls is None:
            self.transport.write(data)
            return
        try:
            sent = self._tls.write(data)
            while sent < len(data):  # it takes one record at a time
                sent += self._tls.write(memoryview(data)[sent:])
        except ssl.SSLError:
            self._break("connection_lost")
        else:
            self._flush()

    async def encrypt(self, context: ssl.SSLContext, host: str, seconds: float) -> ssl.SSLObject:
        """Do the TLS handshake for the host's name; raises OSError when it fails."""
        if self.transport is None or self._broken:
            raise ConnectionResetError
        self._handshake = self._loop.create_future()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._shake_hands(self._tls, self._handshake)
        async with asyncio.timeout(max(seconds, 0.001)):
            await self._handshake
        self._handshake = None
        self._decrypt(self._tls)  # what came with the end of the handshake
        return self._tls

    def _shake_hands(self, connection: ssl.SSLObject, done: asyncio.Future[None]) -> None:
        if done.done():
            return
        try:
            connection.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        self._flush()  # after an error, the alert that tells the server about it

    def _decrypt(self, connection: ssl.SSLObject) -> None:
        try:
            while self._incoming.pending or connection.pending():
                data = connection.read(MAX_RECORD)
                if not data:  # the server's goodbye
                    raise ssl.SSLZeroReturnError
                self._take(data)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._break("connection_lost", forget=False)
            self._wake()
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and self.transport is not None:
            self.transport.write(self._outgoing.read())

    def _take(self, data: bytes) -> None:
        try:
            self._replies.extend(self._parser.feed(data))
        except ReplyError:
            self._break("not_smtp")
        if len(self._replies) > MAX_UNREAD_REPLIES:
            self._break("not_smtp")
        self._wake()

    async def reply(self, seconds: float, together: int = 1) -> Reply:
        """The next reply; waits until so many have come ``together``, at most ``seconds``.

        Raises :class:`ConnectionBrokenError`.
        """
        if len(self._replies) < together:
            await self._more(seconds, together)
        return self._replies.popleft()

    async def _more(self, seconds: float, wanted: int) -> None:
        if self._broken:
            raise ConnectionBrokenError(self._broken)
        self._set_timer(self._loop.time() + max(seconds, 0))
        self._wanted = wanted
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if len(self._replies) < wanted:
            raise ConnectionBrokenError(self._broken or "connection_lost")

    def _set_timer(self, due: float) -> None:
        """Be called at that time or before. A timer that comes too early is set anew then, so that
        the many waits of a connection seldom cost one."""
        self._due = due
        if self._timer is None or self._timer.when() > due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._time_is_up)

    def _time_is_up(self, *, has_looked: bool = False) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._due:
            self._set_timer(self._due)
        elif not has_looked:  # the loop may have stood still: what came meanwhile is read first
            again = partial(self._time_is_up, has_looked=True)
            self._timer = self._loop.call_later(0.001, again)
        else:
            self._break("connection_lost")
            self._wake()

    async def close(self, seconds: float) -> None:
        """Close in order if that is done within ``seconds``, else at once."""
        if self.transport is not None and self._broken is None:
            if self._tls is not None:
                with suppress(ssl.SSLError):  # it says goodbye, and would like to hear one
                    self._tls.unwrap()
                self._flush()
            self.transport.close()
            await asyncio.wait([self.closed], timeout=seconds)
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._broken = self._broken or "connection_lost"
        if self.transport is not None:
            self.transport.abort()

    def _break(self, kind: str, *, forget: bool = True) -> None:
        """Close at once. What came before is forgotten, unless it may still be believed."""
        self._broken = self._broken or kind
        if forget:
            self._replies.clear()
        self.abort()

    def _wake(self) -> None:
        if (
            self._waiter is not None
            and not self._waiter.done()
            and (self._broken or len(self._replies) >= self._wanted)
        ):
            self._waiter.set_result(None)
