"""What others do with the same message and the same sink, each in a process of its own, and the
ceiling: nothing but ready-made bytes over the same connections."""

from __future__ import annotations

import asyncio
import multiprocessing
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import Queue
from typing import Any

from benchmarks.letters import newsletter
from benchmarks.sink import ADDRESS, HOST

CEILING_SECONDS = 5.0


def ceiling(world: dict[str, Any], signed: bool, connections: int, workers: int) -> float:
    """Messages a second of a bare loop, in as many processes as we use."""
    context = multiprocessing.get_context("spawn")
    used = context.Queue()
    processes = [
        context.Process(target=_bare_loop, args=(world, signed, connections, used))
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    total = sum(used.get() for _ in processes)
    for process in processes:
        process.join()
    return total


def _bare_loop(world: dict[str, Any], signed: bool, connections: int, used: Queue[float]) -> None:
    import uvloop

    used.put(uvloop.run(_bare(world, signed, connections)))


async def _bare(world: dict[str, Any], signed: bool, connections: int) -> float:
    from delivery.dkim import Signer, new_ed25519_key, new_rsa_key

    content = _message().replace(b"\n", b"\r\n")
    signer = Signer("riverside.test", [("a", new_rsa_key()), ("b", new_ed25519_key())])
    threads = ThreadPoolExecutor(2)
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(cafile=world["ca_path"])
    ends = time.perf_counter() + CEILING_SECONDS
    sent = 0

    async def one() -> None:
        nonlocal sent
        reader, writer = await asyncio.open_connection(ADDRESS, world["smtp_port"])
        await reader.readline()
        writer.write(b"EHLO sender.test\r\n")
        await _reply(reader)
        writer.write(b"STARTTLS\r\n")
        await _reply(reader)
        await writer.start_tls(context, server_hostname=HOST)
        writer.write(b"EHLO sender.test\r\n")
        await _reply(reader)
        while time.perf_counter() < ends:
            body = content
            if signed:
                body = await loop.run_in_executor(threads, signer.sign_message, content)
            writer.write(b"MAIL FROM:<a@riverside.test>\r\nRCPT TO:<b@gmail.test>\r\nDATA\r\n")
            for _ in range(3):
                await reader.readline()
            writer.write(body + b"\r\n.\r\n")
            await reader.readline()
            sent += 1
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return sent / (time.perf_counter() - started)


async def _reply(reader: asyncio.StreamReader) -> None:
    while (await reader.readline())[3:4] == b"-":
        pass


def _message() -> bytes:
    """As large as ours: both parts, with every link longer."""
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"] = "care@riverside.test", "ann@gmail.test"
    message["Subject"] = "News from your clinic"
    message.set_content("x " * 4_000)
    message.add_alternative(newsletter(), subtype="html", cte="quoted-printable")
    return message.as_bytes()


def peer(name: str, world: dict[str, Any], messages: int) -> int:
    """Messages a second of one peer, in one process, as its documentation shows it."""
    context = multiprocessing.get_context("spawn")
    used = context.Queue()
    process = context.Process(target=_peer, args=(name, world, messages, used))
    process.start()
    process.join()
    return round(used.get()) if process.exitcode == 0 else 0


def _peer(name: str, world: dict[str, Any], messages: int, used: Queue[float]) -> None:
    import os

    os.environ["SSL_CERT_FILE"] = world["ca_path"]
    _settings(name, world)
    work = {
        "send_messages": _send_messages,
        "send_mass_mail": _send_mass_mail,
        "send_mass_mail_dkimpy": _send_mass_mail_signed,
        "post_office": _post_office,
    }[name]
    used.put(work(messages))


def _settings(name: str, world: dict[str, Any]) -> None:
    import os
    import socket

    import django
    from django.conf import settings

    resolve = socket.getaddrinfo

    def to_the_sink(host: Any, *arguments: Any, **more: Any) -> Any:
        return resolve(ADDRESS if host == HOST else host, *arguments, **more)

    socket.getaddrinfo = to_the_sink
    address = os.environ["PEER_DATABASE"] if name == "post_office" else ""
    settings.configure(
        SECRET_KEY="peer",  # noqa: S106
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"] if address else [],
        DATABASES={"default": _database(address)} if address else {},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        EMAIL_HOST=HOST,
        EMAIL_PORT=world["smtp_port"],
        EMAIL_USE_TLS=True,
        POST_OFFICE={"BATCH_SIZE": 500, "THREADS_PER_PROCESS": 1},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
    )
    django.setup()


def _database(address: str) -> dict[str, Any]:
    import environ

    found: dict[str, Any] = environ.Env.db_url_config(address)
    return found


def _bodies(messages: int) -> list[tuple[str, str]]:
    """Subject and HTML of each, rendered by Django's own templates."""
    from django.template import Context, Template

    template = Template(newsletter())
    return [
        (f"news-{number}", template.render(Context({"first_name": f"Pat{number}"})))
        for number in range(messages)
    ]


def _send_messages(messages: int) -> float:
    from django.core.mail import EmailMultiAlternatives, get_connection

    started = time.perf_counter()
    ready = []
    for subject, html in _bodies(messages):
        mail = EmailMultiAlternatives(subject, "News", "care@riverside.test", ["a@gmail.test"])
        mail.attach_alternative(html, "text/html")
        ready.append(mail)
    get_connection().send_messages(ready)
    return messages / (time.perf_counter() - started)


def _send_mass_mail(messages: int) -> float:
    from django.core.mail import send_mass_mail

    started = time.perf_counter()
    send_mass_mail(
        (subject, html, "care@riverside.test", ["a@gmail.test"])
        for subject, html in _bodies(messages)
    )
    return messages / (time.perf_counter() - started)


def _send_mass_mail_signed(messages: int) -> float:
    """With a connection that signs by dkimpy, as its documentation shows it."""
    import dkim
    from django.core.mail import get_connection, send_mass_mail

    from delivery.dkim import new_rsa_key

    key = new_rsa_key()
    connection: Any = get_connection()
    connection.open()
    send = connection.connection.sendmail

    def signed(sender: str, recipients: list[str], content: bytes) -> Any:
        raw = content.encode() if isinstance(content, str) else content
        return send(sender, recipients, dkim.sign(raw, b"a", b"riverside.test", key) + raw)

    connection.connection.sendmail = signed
    started = time.perf_counter()
    send_mass_mail(
        (
            (subject, html, "care@riverside.test", ["a@gmail.test"])
            for subject, html in _bodies(messages)
        ),
        connection=connection,
    )
    return messages / (time.perf_counter() - started)


def _post_office(messages: int) -> float:
    from django.core.management import call_command
    from post_office import mail

    call_command("migrate", verbosity=0)
    started = time.perf_counter()
    mail.send_many(
        [
            {
                "sender": "care@riverside.test",
                "recipients": ["a@gmail.test"],
                "subject": subject,
                "message": "News",
                "html_message": html,
            }
            for subject, html in _bodies(messages)
        ]
    )
    mail.send_queued_mail_until_done(processes=1, log_level=0)
    return messages / (time.perf_counter() - started)


if __name__ == "__main__":
    sys.exit("This is used by bench_send.")
