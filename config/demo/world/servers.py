"""A small world of mail: domains, their DNS and their mail servers, all on loopback.

Each mail server has its own address in 127.0.1.0/24 and all share one port, because senders find
the address by DNS but the port is the same for the whole internet.
"""

import asyncio
import errno
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from config.demo.world.certificates import Authority
from config.demo.world.dns_server import DnsServer, Zone
from config.demo.world.published import published
from config.demo.world.smtp_server import MailServer
from config.demo.world.store import MailStore, MailWriter
from config.demo.world.tempers import Temper, certificate_condition, server_context

DNS_ADDRESS = "127.0.0.1"
NETWORK = "127.0.1.0/24"

# Any local part that starts with "gone" is a mailbox that does not exist.
DEMO_DOMAINS: Mapping[str, Temper | tuple[Temper, ...]] = {
    "riverside-mail.test": Temper.GOOD_TLS13,
    "valleymail.test": Temper.GOOD_TLS12,
    "oldpost.test": Temper.EXPIRED,
    "plainmail.test": Temper.NO_STARTTLS,
    "slowmail.test": Temper.GREYLIST,
}


class WorldError(Exception):
    """The world could not be started. The text says what to do."""


class MailWorld:
    """The servers for some domains. A tuple of tempers gives a domain that many mail hosts.

    Port 0 chooses a free one; after :meth:`start` the attributes hold the chosen ports. The folder
    receives the certificates, the message store and ``world.json``.
    """

    def __init__(
        self,
        folder: Path,
        smtp_port: int = 0,
        dns_port: int = 0,
        domains: Mapping[str, Temper | tuple[Temper, ...]] = DEMO_DOMAINS,
    ) -> None:
        self.smtp_port = smtp_port
        self.dns_port = dns_port
        self.zone: Zone = {}
        self._folder = folder
        self._domains = domains
        self._authority = Authority(folder / "certificates")
        self.ca_path = self._authority.ca_path
        self.store_path = folder / "mail.sqlite3"
        self.store = MailStore(self.store_path)
        self._writer: MailWriter | None = None
        self._servers: list[asyncio.Server] = []
        self._dns: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Start everything and write ``world.json``. Raises :class:`WorldError`."""
        await self._start_dns()
        self._writer = self.store.writer()
        servers = list(self._prepare(self._writer))
        chosen = self.smtp_port != 0
        for attempt in range(1 if chosen else 10):
            try:
                await self._listen(servers)
                break
            except OSError as error:
                await self._close_servers()
                if chosen or attempt == 9 or error.errno != errno.EADDRINUSE:
                    raise _cannot_listen(error, "mail", self.smtp_port, "--smtp-port") from error
                self.smtp_port = 0
        (self._folder / "world.json").write_text(json.dumps(self.describe(), indent=2))

    async def stop(self) -> None:
        """Stop everything that was started."""
        await self._close_servers()
        if self._dns is not None:
            self._dns.close()
        if self._writer is not None:
            self._writer.close()

    def describe(self) -> dict[str, Any]:
        """What a sender must know to live in this world, in plain JSON types."""
        return {
            "smtp_port": self.smtp_port,
            "dns_address": DNS_ADDRESS,
            "dns_port": self.dns_port,
            "network": NETWORK,
            "ca_path": str(self.ca_path),
            "store_path": str(self.store_path),
            "domains": {domain: _tempers(kind) for domain, kind in self._domains.items()},
        }

    def _prepare(self, writer: MailWriter) -> Iterator[tuple[str, MailServer]]:
        """Address and server for each mail host; their names go into the zone."""
        number = 0
        for domain, kind in self._domains.items():
            exchanges = []
            for position, temper in enumerate(_tempers(kind), start=1):
                number += 1
                host, ip = f"mx{position}.{domain}", f"127.0.1.{number}"
                exchanges.append(f"{position * 10} {host}.")
                self.zone[host] = {"A": [ip]}
                certificate = self._authority.issue(host, certificate_condition(temper))
                context = server_context(temper, certificate)
                yield ip, MailServer(host, temper, context, writer)
            self.zone[domain] = {"MX": exchanges}

    async def _listen(self, servers: list[tuple[str, MailServer]]) -> None:
        loop = asyncio.get_running_loop()
        for ip, server in servers:
            listening = await loop.create_server(server.connection, ip, self.smtp_port)
            self._servers.append(listening)
            self.smtp_port = listening.sockets[0].getsockname()[1]

    async def _start_dns(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._dns, _ = await loop.create_datagram_endpoint(
                lambda: DnsServer(self.zone, partial(published, self._folder)),
                (DNS_ADDRESS, self.dns_port),
            )
        except OSError as error:
            raise _cannot_listen(error, "DNS", self.dns_port, "--dns-port") from error
        self.dns_port = self._dns.get_extra_info("sockname")[1]

    async def _close_servers(self) -> None:
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        await asyncio.gather(*(server.wait_closed() for server in servers))


def _tempers(kind: Temper | tuple[Temper, ...]) -> tuple[Temper, ...]:
    return (kind,) if isinstance(kind, Temper) else kind


def _cannot_listen(error: OSError, what: str, port: int, option: str) -> WorldError:
    if error.errno == errno.EADDRINUSE:
        return WorldError(
            f"Port {port} for the demo's {what} servers is taken. Stop the program that uses it, "
            f"or choose another port with {option}."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return WorldError(
            f"This machine has no loopback addresses {NETWORK}. On macOS, add each one with "
            "'sudo ifconfig lo0 alias 127.0.1.1', and so on."
        )
    return WorldError(f"The demo's {what} servers cannot listen on port {port}: {error.strerror}.")
