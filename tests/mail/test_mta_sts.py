"""MTA-STS: records, policies, how they are fetched and kept, and what they do to a message."""

import asyncio
import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.demo.world.servers import DNS_ADDRESS, NETWORK, MailWorld
from delivery.transports.addresses import parse_address
from delivery.transports.dns import Resolver
from delivery.transports.envelope import Envelope
from delivery.transports.https import MAX_BODY
from delivery.transports.mta_sts import (
    MAX_AGE,
    MemoryPolicyStore,
    Policies,
    Policy,
    PolicyError,
    StoredPolicy,
    parse_policy,
    record_id,
)
from delivery.transports.outcomes import Accepted, Level, Outcome, TlsTemporary, Unprotected
from delivery.transports.tls import Protection
from tests.mail.certificates import DAY, issue
from tests.mail.policies import ADDRESS, PolicyServer, answer, policy_server
from tests.mail.world import world_courier, world_resolver

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GOOD = "version: STSv1\r\nmode: enforce\r\nmx: *.good-tls13.test\r\nmax_age: 86400\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"


# Records


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["v=STSv1; id=20261122T0000;"], "20261122T0000"),
        (["v=STSv1;id=a"], "a"),
        (["v=STSv1; id=a ; other=b"], "a"),
        (["v=spf1 -all", "v=STSv1; id=a;"], "a"),
        ([], None),
        (["v=spf1 -all"], None),
        (["v=STSv1"], None),
        (["v=STSv1;"], None),
        (["v=STSv2; id=a;"], None),
        (["v=STSv1; id=;"], None),
        (["v=STSv1; id=a b;"], None),
        (["v=STSv1; id=a-b;"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv1; id=a; id=b"], None),
        (["v=STSv1; id=a;;"], None),
        (["v=STSv1; id=a; x=" + "y" * 2000], None),
        ([" v=STSv1; id=a"], None),
    ],
)
def test_a_record_is_taken_by_the_letter(texts: list[str], expected: str | None) -> None:
    assert record_id(texts) == expected


def test_case_13_two_records_are_none() -> None:
    assert record_id(["v=STSv1; id=a;", "v=STSv1; id=a;"]) is None


# Policies


def test_a_policy_is_read() -> None:
    text = GOOD.replace("\r\n", "\n") + "mx: Mail.Example.com \n\nfuture: thing\nmode: none\n"
    assert parse_policy(text) == Policy("enforce", ("*.good-tls13.test", "mail.example.com"), 86400)
    assert parse_policy("version: STSv1\nmode: none\nmax_age: 1").mode == "none"
    assert parse_policy(GOOD.replace("86400", "9999999999")).max_age == MAX_AGE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>Not found</html>",
        GOOD.replace("STSv1", "STSv2"),
        GOOD.replace("version: STSv1\r\n", ""),
        GOOD.replace("enforce", "Enforce"),
        GOOD.replace("mode: enforce\r\n", ""),
        GOOD.replace("mx: *.good-tls13.test\r\n", ""),
        GOOD.replace("86400", "-1"),
        GOOD.replace("86400", "1e5"),
        GOOD.replace("86400", "٣"),
        GOOD.replace("86400", "12345678901"),
        GOOD.replace("max_age: 86400\r\n", ""),
        GOOD.replace("*.good-tls13.test", "*"),
        GOOD.replace("*.good-tls13.test", "*.*.test"),
        GOOD.replace("*.good-tls13.test", "m*.test"),
        GOOD.replace("*.good-tls13.test", "127.0.0.1"),
        GOOD + "not a field\r\n",
        GOOD + ": no name\r\n",
        GOOD + "mx: a.test\r\n" * 300,
        GOOD + "\r\n" * 2000,
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_policy(text)


lines = st.sampled_from([*GOOD.splitlines(), "mode: none", "mx: a.test", "", "x: y"]) | st.text()


@given(st.lists(lines).map("\n".join) | st.text())
def test_any_text_is_a_sound_policy_or_refused(text: str) -> None:
    try:
        policy = parse_policy(text)
    except PolicyError:
        return
    assert policy.mode in ("enforce", "testing", "none")
    assert 0 <= policy.max_age <= MAX_AGE
    assert policy.patterns or policy.mode == "none"
    assert all(pattern.isascii() and " " not in pattern for pattern in policy.patterns)


@given(st.lists(st.text(), max_size=4))
def test_any_records_give_an_opaque_id_or_none(texts: list[str]) -> None:
    found = record_id(texts)
    assert found is None or (found.isalnum() and found.isascii() and len(found) <= 32)


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("mx.example.com", "mx2.example.com", False),
        ("mx.example.com", "a.mx.example.com", False),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "a.mx.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", "mx.example.com.evil.test", False),
        ("*.com", "evil.com", True),
        ("example.com", "badexample.com", False),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, host: str, fits: bool) -> None:
    assert Policy("enforce", (pattern,), 1).allows(host) is fits


# Fetching and keeping


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyServer]:
    with policy_server(tmp_path_factory.mktemp("policies")) as server:
        yield server


class World:
    """A domain with a policy, and a clock."""

    def __init__(self, mail: MailWorld, web: PolicyServer, domain: str) -> None:
        self.mail, self.web, self.domain = mail, web, domain
        self.now = NOW
        self.store = MemoryPolicyStore()
        self.policies = self.finder()
        self.host = f"mta-sts.{domain}"
        web.use(self.host)
        web.answers[self.host] = answer(GOOD)
        web.asked.clear()
        mail.zone[self.host] = {"A": [ADDRESS]}
        self.announce("1")

    def finder(self, resolver: Resolver | None = None) -> Policies:
        return Policies(
            resolver or world_resolver(self.mail),
            self.store,
            ca_file=self.web.ca_file,
            port=self.web.port,
            now=lambda: self.now,
        )

    def announce(self, policy_id: str | None) -> None:
        name = f"_mta-sts.{self.domain}"
        self.mail.zone.pop(name, None)
        if policy_id is not None:
            self.mail.zone[name] = {"TXT": [f'"v=STSv1; id={policy_id};"']}

    def find(self) -> StoredPolicy | None:
        return asyncio.run(self.policies.for_domain(self.domain))


@pytest.fixture
def world(mail_world: MailWorld, web: PolicyServer) -> World:
    return World(mail_world, web, "sts.test")


def test_a_policy_is_fetched_once_and_kept(world: World) -> None:
    first = world.find()
    assert first is not None
    assert (first.policy_id, first.policy.mode, first.fetched_at) == ("1", "enforce", NOW)
    assert world.find() == first
    assert asyncio.run(world.finder().for_domain("sts.test")) == first  # another process
    assert len(world.web.asked) == 1


def test_it_is_fetched_again_when_the_id_changes_and_once_a_day(world: World) -> None:
    world.web.answers[world.host] = answer(GOOD.replace("86400", "999999"))
    world.find()
    world.announce("2")
    found = world.find()
    assert found is not None
    assert found.policy_id == "2"
    world.now += timedelta(hours=25)
    found = world.find()
    assert found is not None
    assert found.fetched_at == world.now
    assert len(world.web.asked) == 3


def test_without_a_record_nothing_is_fetched(world: World) -> None:
    world.announce(None)
    assert world.find() is None
    assert world.web.asked == []


@pytest.mark.parametrize(
    "bad",
    [
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: https://x.test/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 Nothing\r\nContent-Length: 0\r\n\r\n",
        answer(GOOD, "text/html"),
        answer("no policy"),
        answer(GOOD + " " * MAX_BODY),
        answer(GOOD)[:-1],
        answer(GOOD).replace(b"Content-Length", b"Content-Size"),
        answer(GOOD).replace(b"Content-Length: ", b"Content-Length: -"),
        answer(GOOD).replace(b"Content-Length: ", b"Content-Length: 1\r\nContent-Length: "),
        answer(GOOD).replace(b"mode", b"m\xf6de"),
        CHUNKED + b"5\r\nabc",
        CHUNKED + b"5\r\nabcdefgh0\r\n\r\n",
        CHUNKED + b"fffff\r\n",
        CHUNKED.replace(b"chunked", b"gzip"),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n" + GOOD.encode(),
        b"SSH-2.0-x\r\n\r\n",
        b"",
    ],
)
def test_case_15_what_is_no_good_answer_leaves_the_kept_policy(world: World, bad: bytes) -> None:
    kept = world.find()
    assert kept is not None
    world.announce("2")
    world.web.answers[world.host] = bad
    assert world.find() == kept
    world.announce(None)
    assert world.find() == kept
    world.now += timedelta(days=2)  # its max_age is a day
    assert world.find() is None


def test_a_chunked_answer_is_taken(world: World) -> None:
    text = GOOD.encode()
    chunks = b"".join(b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in (text[:9], text[9:]))
    world.web.answers[world.host] = CHUNKED + chunks + b"0\r\n\r\n"
    assert world.find() is not None


def test_a_failed_fetch_is_not_repeated_at_once(world: World) -> None:
    world.web.answers[world.host] = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    assert world.find() is None
    assert world.find() is None
    assert len(world.web.asked) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        issue("mta-sts.sts.test"),  # by itself
        issue("sts.test", issuer=issue(authority=True)),
    ],
)
def test_the_web_servers_certificate_must_be_good(world: World, wrong: object) -> None:
    world.web.use(world.host, wrong)  # type: ignore[arg-type]
    assert world.find() is None
    assert world.web.asked == []


@pytest.mark.parametrize("name", ["sts.test", "other.test"])
def test_the_web_servers_certificate_names_it(world: World, name: str) -> None:
    world.web.use(world.host, issue(name, issuer=world.web._authority))
    assert world.find() is None
    world.web.use(world.host, issue(world.host, issuer=world.web._authority, ends=-DAY / 2))
    assert world.find() is None
    assert world.web.asked == []


def test_no_domain_can_point_the_fetch_at_our_own_network(world: World) -> None:
    port = world.mail.dns_port
    outside = Resolver([(DNS_ADDRESS, port)])  # without the laboratory's network
    assert asyncio.run(world.finder(outside).for_domain("sts.test")) is None
    narrow = Resolver([(DNS_ADDRESS, port)], [ipaddress.ip_network("127.0.1.0/25")])
    assert asyncio.run(world.finder(narrow).for_domain("sts.test")) is None
    assert world.web.asked == []
    assert ipaddress.ip_address(ADDRESS) in ipaddress.ip_network(NETWORK)


def test_a_web_server_that_is_away_is_no_policy(world: World) -> None:
    world.policies.port = 1
    assert world.find() is None


# What it does to a message


def send(world: World, minimum_level: Level = "") -> Outcome:
    world.mail.store.clear()

    async def scenario() -> Outcome:
        courier = world_courier(world.mail, policies=world.policies, minimum_level=minimum_level)
        recipient = parse_address(f"ann@{world.domain}")
        message = Envelope("id-1", parse_address("b@sender.test"), recipient, b"canary\r\n")
        try:
            return await courier.send(message, Protection.VERIFIED)
        finally:
            await courier.close()

    return asyncio.run(scenario())


@pytest.fixture
def routed(world: World) -> World:
    world.mail.zone["sts.test"] = {"MX": ["10 mx1.good-tls13.test."]}
    return world


def test_an_enforced_policy_raises_the_level(routed: World) -> None:
    outcome = send(routed, "L3")
    assert isinstance(outcome, Accepted)
    evidence = outcome.evidence
    assert (evidence.level, evidence.policy_source, evidence.policy_id) == ("L3", "mta-sts", "1")


def test_case_14_a_host_that_the_policy_does_not_name_is_skipped(routed: World) -> None:
    exchanges = ["10 mx1.good-tls12.test.", "20 mx1.good-tls13.test."]
    routed.mail.zone["sts.test"] = {"MX": exchanges}
    outcome = send(routed)
    assert isinstance(outcome, Accepted)
    assert outcome.evidence.host == "mx1.good-tls13.test"
    routed.mail.zone["sts.test"] = {"MX": exchanges[:1]}
    outcome = send(routed)
    assert isinstance(outcome, TlsTemporary)
    assert outcome.kind == "host_not_in_policy"
    assert outcome.sentence
    assert outcome.evidence.policy_id == "1"
    assert routed.mail.store.messages_for("ann@sts.test") == []


@pytest.mark.parametrize("mode", ["testing", "none"])
def test_a_policy_that_is_not_enforced_changes_nothing(routed: World, mode: str) -> None:
    routed.web.answers[routed.host] = answer(GOOD.replace("enforce", mode))
    outcome = send(routed)
    assert isinstance(outcome, Accepted)
    assert (outcome.evidence.level, outcome.evidence.policy_source) == ("L2", "")
    routed.mail.zone["sts.test"] = {"MX": ["10 mx1.expired.test."]}
    outcome = send(routed)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "certificate_expired"


def test_below_the_level_that_is_demanded_nothing_is_said(routed: World) -> None:
    routed.announce(None)
    outcome = send(routed, "L3")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "below_required_level"
    assert outcome.sentence
    assert outcome.evidence.level == "L2"
    assert routed.mail.store.messages_for("ann@sts.test") == []


def test_an_enforced_policy_does_not_excuse_a_bad_certificate(routed: World) -> None:
    routed.web.answers[routed.host] = answer(GOOD.replace("good-tls13", "expired"))
    routed.mail.zone["sts.test"] = {"MX": ["10 mx1.expired.test."]}
    outcome = send(routed)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "certificate_expired"
    assert outcome.evidence.policy_source == "mta-sts"
