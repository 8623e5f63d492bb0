"""A web server for MTA-STS policies, over real TLS on loopback, that answers as it is told."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.mail.certificates import Issued, issue

ADDRESS = "127.0.1.250"


def answer(text: str, kind: str = "text/plain; charset=utf-8") -> bytes:
    """A complete HTTP answer."""
    body = text.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class PolicyServer:
    """``answers`` by host name; ``asked`` notes the host of each request it heard."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.port = 0
        self.ca_file = folder / "policy-ca.pem"
        self._folder = folder
        self._authority = issue(authority=True, common_name="web authority")
        encoding = serialization.Encoding.PEM
        self.ca_file.write_bytes(self._authority.certificate.public_bytes(encoding))
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._names: list[str] = []

    def use(self, name: str, issued: Issued | None = None) -> None:
        """Present this certificate, or a good one, to who asks for the name."""
        issued = issued or issue(name, issuer=self._authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.write(self._folder / "web.pem", with_chain=False))
        self._contexts[name] = context

    async def start(self) -> None:
        """Listen on a free port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issue("nobody.test").write(self._folder / "web.pem"))
        context.sni_callback = self._choose
        server = await asyncio.start_server(self._serve, ADDRESS, 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        self._server = server

    async def stop(self) -> None:
        """Listen no more, and end the conversations that go on."""
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name in self._contexts:
            connection.context = self._contexts[name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            host = request.split(b"Host: ")[1].split(b"\r\n")[0].decode()
            self.asked.append(host)
            writer.write(self.answers.get(host, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@contextmanager
def policy_server(folder: Path) -> Iterator[PolicyServer]:
    """A policy server of its own, served from a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="policies", daemon=True)
    thread.start()
    server = PolicyServer(folder)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)

    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
