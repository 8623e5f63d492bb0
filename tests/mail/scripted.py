"""A mail server on a blocking socket that says exactly what a test tells it to.

aiosmtpd is too well-bred for some things: to flood, to dawdle, to send a TLS alert and then stop.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from config.demo.world.certificates import Authority, Condition
from delivery.transports.courier import Courier
from delivery.transports.dane import TlsaRecord
from delivery.transports.dns import MailHost, Resolver
from delivery.transports.smtp import Timeouts

HOST = "mx.scripted.test"
QUICK = Timeouts(connect=1, greeting=1, handshake=1, command=1, data=1, final=1, quit=0.2)


class Dialog:
    """The server's side of one connection."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self.received: list[bytes] = []
        self._connection = connection
        self._context = context
        self._file = connection.makefile("rb")

    def say(self, data: bytes) -> None:
        self._connection.sendall(data)

    def hear(self) -> bytes:
        line = self._file.readline()
        self.received.append(line)
        return line

    def hear_content(self) -> None:
        while self.hear() not in (b".\r\n", b""):
            pass

    def encrypt(self) -> None:
        self._file.close()
        self._connection = self._context.wrap_socket(self._connection, server_side=True)
        self._file = self._connection.makefile("rb")

    def end_tls(self) -> None:
        """Say goodbye in TLS, and wait for the client's answer."""
        if isinstance(self._connection, ssl.SSLSocket):
            self._connection.unwrap()

    def greet(self, *offers: bytes) -> None:
        """As far as TLS and the EHLO inside it, with offers."""
        self.say(b"220 hello\r\n")
        self.hear()
        self.say(b"250-hello\r\n250 STARTTLS\r\n")
        self.hear()
        self.say(b"220 go\r\n")
        self.encrypt()
        self.hear()
        self.say(b"".join(b"250-%b\r\n" % offer for offer in (b"hello", *offers)) + b"250 HELP\r\n")

    def close(self) -> None:
        self._file.close()
        self._connection.close()


class ScriptedResolver(Resolver):
    """Knows one host; with TLSA records all it says is authenticated."""

    def __init__(self, records: tuple[TlsaRecord, ...] = ()) -> None:
        super().__init__([("127.0.0.1", 1)])
        self._records = records

    async def mail_hosts(self, domain: str) -> list[MailHost]:
        secure = bool(self._records)
        return [MailHost(HOST, 10, ("127.0.0.1",), secure, secure)]

    async def tlsa(self, host: str, port: int) -> tuple[TlsaRecord, ...]:
        return self._records

    async def addresses(self, name: str, *, trusted: bool = False) -> tuple[str, ...]:
        return ("127.0.0.1",) if trusted and name == HOST else ()


@contextmanager
def scripted_server(
    folder: Path,
    *scripts: Callable[[Dialog], None],
    prepare: Callable[[ssl.SSLContext], None] = lambda _: None,
    resolver: Resolver | None = None,
    certificate: Path | None = None,
    trusted: Path | None = None,
    relayed: bool = False,
    **options: Any,
) -> Iterator[tuple[Courier, list[Dialog]]]:
    """A courier that knows this server alone, and the dialogs: one script per connection."""
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate or authority.issue(HOST, Condition.GOOD))
    prepare(context)
    dialogs: list[Dialog] = []

    def serve(listening: socket.socket) -> None:
        for script in scripts:
            connection, _ = listening.accept()
            connection.settimeout(5)
            dialog = Dialog(connection, context)
            dialogs.append(dialog)
            with suppress(OSError):
                script(dialog)
            dialog.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        port = listening.getsockname()[1]
        options.setdefault("timeouts", QUICK)
        if relayed:
            options["smarthost"] = HOST, port
        yield (
            Courier(
                resolver or ScriptedResolver(),
                helo_name="sender.test",
                ca_file=trusted or authority.ca_path,
                port=port,
                **options,
            ),
            dialogs,
        )
        thread.join()
