"""The fixture ``mail_world``: real mail servers of every temper, and their DNS, on loopback.

``tests/conftest.py`` registers this module as a plugin, so any test can ask for the fixture.
"""

import asyncio
import ipaddress
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.demo.world.dns_server import SERVFAIL
from config.demo.world.servers import DEMO_DOMAINS, DNS_ADDRESS, NETWORK, MailWorld
from config.demo.world.tempers import Temper
from delivery.transports.courier import Courier
from delivery.transports.dns import Resolver
from delivery.transports.smtp import Timeouts


def domain_of(temper: Temper) -> str:
    """The test domain whose only mail server has this temper."""
    return f"{temper.name.lower().replace('_', '-')}.test"


TEST_DOMAINS: Mapping[str, Temper | tuple[Temper, ...]] = {
    **DEMO_DOMAINS,
    **{domain_of(temper): temper for temper in Temper},
    "lost-tls.test": Temper.STRIPPED_LATER,
    "second-is-good.test": (Temper.NO_STARTTLS, Temper.GOOD_TLS13),
    "second-talks.test": (Temper.REFUSES_GREETING, Temper.GOOD_TLS13),
    "first-is-away.test": (Temper.REFUSES_GREETING, Temper.NO_STARTTLS),
}


@contextmanager
def running_world(
    folder: Path, domains: Mapping[str, Temper | tuple[Temper, ...]] = TEST_DOMAINS
) -> Iterator[MailWorld]:
    """A world of its own, served from a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail world", daemon=True)
    thread.start()
    world = MailWorld(folder, domains=domains)
    try:
        asyncio.run_coroutine_threadsafe(world.start(), loop).result(30)
        world.zone |= {
            "null-mx.test": {"MX": ["0 ."]},
            "servfail.test": SERVFAIL,
            "implicit.test": {"A": ["127.0.1.1"]},
            "no-records.test": {"TXT": ["nothing"]},
            "private.test": {"MX": ["10 mx.private.test."]},
            "mx.private.test": {"A": ["10.0.0.1", "169.254.169.254"]},
            "literal.test": {"MX": ["10 127.0.1.1."]},
            "dot-and-host.test": {"MX": ["0 .", "10 mx1.riverside-mail.test."]},
        }
        yield world
    finally:
        asyncio.run_coroutine_threadsafe(world.stop(), loop).result(30)
        asyncio.run_coroutine_threadsafe(_finish_tasks(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _finish_tasks() -> None:
    """End the servers' conversations with clients that are still connected."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def world_resolver(world: MailWorld) -> Resolver:
    """A resolver that lives in the world."""
    return Resolver([(DNS_ADDRESS, world.dns_port)], [ipaddress.ip_network(NETWORK)])


def quick_timeouts() -> Timeouts:
    """For couriers that wait for nothing long."""
    return Timeouts(connect=2, greeting=2, handshake=1, command=2, data=2, final=3, total=5)


def world_courier(world: MailWorld, **options: Any) -> Courier:
    """A courier that lives in the world and waits for nothing long."""
    return Courier(
        world_resolver(world),
        helo_name="sender.test",
        ca_file=world.ca_path,
        port=world.smtp_port,
        timeouts=quick_timeouts(),
        **options,
    )


@pytest.fixture(scope="session")
def mail_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailWorld]:
    """The whole world, for the whole run. Domains: the demo's, and one per temper."""
    with running_world(tmp_path_factory.mktemp("mail-world")) as world:
        yield world
