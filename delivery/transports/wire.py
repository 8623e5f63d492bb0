"""The connection under an SMTP session: bytes out, replies in."""

import asyncio
import ssl
from collections import deque
from typing import cast

from delivery.transports.replies import Reply, ReplyError, ReplyParser

# A server that sends more replies than we asked for is flooding us.
MAX_UNREAD_REPLIES = 16


class ConnectionBrokenError(Exception):
    """The connection ended, was silent too long or carried no SMTP; ``kind`` says which."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Wire(asyncio.Protocol):
    """One TCP connection, in clear and then, after :meth:`encrypt`, in TLS."""

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self._parser = ReplyParser()
        self._replies: deque[Reply] = deque()
        self._broken: str | None = None
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._replies.extend(self._parser.feed(data))
        except ReplyError:
            self._break("not_smtp")
        if len(self._replies) > MAX_UNREAD_REPLIES:
            self._break("not_smtp")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._broken = self._broken or "connection_lost"
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
        if self.transport is not None:
            self.transport.write(data)

    async def encrypt(
        self, context: ssl.SSLContext, host: str, seconds: float
    ) -> asyncio.Transport:
        """Do the TLS handshake for the host's name; raises OSError when it fails."""
        if self.transport is None or self._broken:
            raise ConnectionResetError
        encrypted = await asyncio.get_running_loop().start_tls(
            self.transport,
            self,
            context,
            server_hostname=host,
            ssl_handshake_timeout=max(seconds, 0.001),
        )
        if encrypted is None:  # closed while the handshake ran
            raise ConnectionResetError
        self.transport = encrypted
        return encrypted

    async def reply(self, seconds: float) -> Reply:
        """The next reply, if it is complete within ``seconds``.

        Raises :class:`ConnectionBrokenError`.
        """
        if not self._replies:
            await self._more(seconds)
        return self._replies.popleft()

    async def _more(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                while not self._replies:
                    if self._broken:
                        raise ConnectionBrokenError(self._broken)
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        except TimeoutError:
            raise ConnectionBrokenError("connection_lost") from None

    async def close(self, seconds: float) -> None:
        """Close in order if that is done within ``seconds``, else at once."""
        if self.transport is not None and self._broken is None:
            self.transport.close()
            await asyncio.wait([self.closed], timeout=seconds)
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._broken = self._broken or "connection_lost"
        if self.transport is not None:
            self.transport.abort()

    def _break(self, kind: str) -> None:
        self._broken = kind
        self._replies.clear()
        self.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
