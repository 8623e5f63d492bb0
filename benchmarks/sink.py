"""A mail server that takes everything over TLS and keeps nothing, in a process of its own.

`python -m benchmarks.sink FOLDER [--delay MILLISECONDS]` serves DNS for the domains of the made-up
patients, and SMTP with PIPELINING. It writes `world.json` with its ports, and at SIGTERM
`counted.json` with how many messages and bytes it took and how many were different, and
`identifiers.txt` with their Message-IDs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

HOST, ADDRESS = "mx.sink.test", "127.0.1.77"
DOMAINS = ("gmail.test", "yahoo.test", "riverside-mail.test", "outlook.test", "aol.test")
_GREETING = b"220 mx.sink.test ready\r\n"
_OFFER = b"250-mx.sink.test\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n"
_IDENTIFIER = re.compile(rb"\r\nMessage-ID: <([^@>]+)@", re.IGNORECASE)


class Counted:
    """What arrived."""

    def __init__(self) -> None:
        self.messages = 0
        self.octets = 0
        self.identifiers: set[bytes] = set()

    def take(self, content: bytes) -> None:
        self.messages += 1
        self.octets += len(content)
        found = _IDENTIFIER.search(content, 0, 20_000)
        self.identifiers.add(found[1] if found else b"%d" % self.messages)


class Session(asyncio.Protocol):
    """One connection: as few steps as a server can take."""

    def __init__(self, context: ssl.SSLContext, counted: Counted, delay: float) -> None:
        self._context = context
        self._counted = counted
        self._delay = delay
        self._buffer = bytearray()
        self._in_content = False
        self._is_encrypted = False
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if not self._is_encrypted:
            self._transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = bytearray()
        while True:
            if self._in_content:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                self._counted.take(bytes(self._buffer[:end]))
                del self._buffer[: end + 5]
                self._in_content = False
                replies += b"250 2.0.0 taken\r\n"
                continue
            end = self._buffer.find(b"\r\n")
            if end < 0:
                break
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            replies += self._reply(line)
        if replies:
            self._answer(bytes(replies))

    def _reply(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return _OFFER + (b"250 OK\r\n" if self._is_encrypted else b"250 STARTTLS\r\n")
        if verb == b"DATA":
            self._in_content = True
            return b"354 go on\r\n"
        if verb == b"STAR":
            asyncio.get_running_loop().create_task(self._encrypt())
            return b"220 go on\r\n"
        if verb == b"QUIT":
            asyncio.get_running_loop().call_later(self._delay, self._transport.close)
            return b"221 bye\r\n"
        return b"250 2.0.0 OK\r\n"

    def _answer(self, replies: bytes) -> None:
        if self._delay and self._is_encrypted:
            loop = asyncio.get_running_loop()
            loop.call_later(self._delay, self._transport.write, replies)
        else:
            self._transport.write(replies)

    async def _encrypt(self) -> None:
        self._is_encrypted = True
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):  # the client was killed
            self._transport = await loop.start_tls(
                self._transport, self, self._context, server_side=True
            )


async def serve(folder: Path, delay: float) -> None:
    """Serve until SIGTERM."""
    from config.demo.world.certificates import Authority, Condition
    from config.demo.world.dns_server import DnsServer

    authority = Authority(folder / "certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue(HOST, Condition.GOOD))
    zone: Any = {domain: {"MX": [f"10 {HOST}."]} for domain in DOMAINS}
    zone[HOST] = {"A": [ADDRESS]}
    counted, loop, end = Counted(), asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    dns, _ = await loop.create_datagram_endpoint(
        lambda: DnsServer(zone), local_addr=("127.0.0.1", 0)
    )
    server = await loop.create_server(lambda: Session(context, counted, delay), ADDRESS, 0)
    ports = {
        "dns_port": dns.get_extra_info("sockname")[1],
        "smtp_port": server.sockets[0].getsockname()[1],
        "ca_path": str(authority.ca_path),
    }
    (folder / "world.json").write_text(json.dumps(ports))
    await end.wait()
    report = {
        "messages": counted.messages,
        "octets": counted.octets,
        "different": len(counted.identifiers),
    }
    (folder / "identifiers.txt").write_bytes(b"\n".join(sorted(counted.identifiers)))
    (folder / "counted.json").write_text(json.dumps(report))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--delay", type=float, default=0)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    uvloop.run(serve(chosen.folder, chosen.delay / 1000))
