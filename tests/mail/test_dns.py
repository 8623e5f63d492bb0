"""Mail host look-ups against a real DNS server."""

import asyncio
import ipaddress

import pytest

from config.demo.world.servers import MailWorld
from delivery.transports.dns import DeadDomainError, LookupFailedError, MailHost, Resolver
from tests.mail.world import world_resolver


def look_up(world: MailWorld, domain: str) -> list[MailHost]:
    return asyncio.run(world_resolver(world).mail_hosts(domain))


def test_mx_hosts_come_in_the_order_of_preference(mail_world: MailWorld) -> None:
    hosts = look_up(mail_world, "second-is-good.test")
    assert [host.name for host in hosts] == ["mx1.second-is-good.test", "mx2.second-is-good.test"]
    assert all(address.startswith("127.0.1.") for host in hosts for address in host.addresses)


def test_without_mx_the_domain_itself_is_the_host(mail_world: MailWorld) -> None:
    assert look_up(mail_world, "implicit.test") == [MailHost("implicit.test", 0, ("127.0.1.1",))]


def test_a_null_mx_beside_a_host_is_ignored(mail_world: MailWorld) -> None:
    (host,) = look_up(mail_world, "dot-and-host.test")
    assert host.name == "mx1.riverside-mail.test"


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("does-not-exist.test", "5.1.2"),
        ("null-mx.test", "5.1.10"),
        ("no-records.test", "5.4.4"),
        ("private.test", "5.4.4"),
        ("literal.test", "5.4.4"),
    ],
)
def test_domains_that_take_no_mail(mail_world: MailWorld, domain: str, status: str) -> None:
    with pytest.raises(DeadDomainError) as caught:
        look_up(mail_world, domain)
    assert caught.value.status == status


def test_a_failing_server_never_means_that_there_is_no_such_domain(mail_world: MailWorld) -> None:
    with pytest.raises(LookupFailedError):
        look_up(mail_world, "servfail.test")


def test_an_unreachable_name_server_is_temporary() -> None:
    resolver = Resolver([("127.0.0.1", 1)], lifetime=0.3)
    with pytest.raises(LookupFailedError):
        asyncio.run(resolver.mail_hosts("anything.test"))


def test_a_failed_host_look_up_is_temporary(mail_world: MailWorld) -> None:
    mail_world.zone["half.test"] = {"MX": ["10 servfail.test."]}
    with pytest.raises(LookupFailedError):
        look_up(mail_world, "half.test")


def test_answers_are_kept_and_one_question_is_asked_once_at_a_time(mail_world: MailWorld) -> None:
    async def scenario() -> None:
        mail_world.zone["brief.test"] = {"A": ["127.0.1.1"]}
        resolver = world_resolver(mail_world)
        first, *others = await asyncio.gather(*(resolver.mail_hosts("brief.test") for _ in "12345"))
        assert all(hosts == first for hosts in others)
        del mail_world.zone["brief.test"]
        assert await resolver.mail_hosts("brief.test") == first

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 (an address to refuse)
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:1::",
    ],
)
def test_addresses_that_are_not_the_internet_are_refused(
    mail_world: MailWorld, address: str
) -> None:
    kind = "AAAA" if ":" in address else "A"
    mail_world.zone["inward.test"] = {kind: [address]}
    resolver = Resolver([("127.0.0.1", mail_world.dns_port)])
    with pytest.raises(DeadDomainError):
        asyncio.run(resolver.mail_hosts("inward.test"))


def test_a_laboratory_network_must_be_named(mail_world: MailWorld) -> None:
    mail_world.zone["lab.test"] = {"A": ["127.0.1.1", "10.0.0.1"]}
    resolver = Resolver(
        [("127.0.0.1", mail_world.dns_port)], [ipaddress.ip_network("127.0.1.0/24")]
    )
    (host,) = asyncio.run(resolver.mail_hosts("lab.test"))
    assert host.addresses == ("127.0.1.1",)
