"""How far a way is protected, what is demanded of it, probes, and everything through one relay."""

import asyncio
import base64
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from config.demo.world.servers import MailWorld
from config.demo.world.tempers import Temper
from delivery.transports.addresses import parse_address
from delivery.transports.courier import Courier
from delivery.transports.dane import TlsaRecord, public_key_info
from delivery.transports.envelope import Envelope
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    DomainDead,
    Level,
    Outcome,
    ProbeOutcome,
    Reachable,
    TlsTemporary,
    Unprotected,
)
from delivery.transports.tls import Protection
from tests.mail.certificates import issue
from tests.mail.scripted import HOST, Dialog, ScriptedResolver, scripted_server
from tests.mail.signed import SignedWorld
from tests.mail.world import domain_of, world_courier

MESSAGE = Envelope(
    "id-1", parse_address("b@sender.test"), parse_address("ann@scripted.test"), b"canary\r\n"
)


def send(
    courier: Courier,
    *demands: Level,
    protection: Protection = Protection.VERIFIED,
    recipient: str = "ann@scripted.test",
) -> list[Outcome]:
    message = replace(MESSAGE, recipient=parse_address(recipient))

    async def scenario() -> list[Outcome]:
        try:
            return [
                await courier.send(message, protection, minimum_level=each)
                for each in demands or ("",)
            ]
        finally:
            await courier.close()

    return asyncio.run(scenario())


def take(dialog: Dialog) -> None:
    for _ in range(3):
        dialog.hear()
    dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
    dialog.hear_content()
    dialog.say(b"250 2.0.0 taken\r\n")


OWN = issue(HOST)
VOUCHED = ScriptedResolver((TlsaRecord(3, 1, 0, public_key_info(OWN.der)),))


def test_requiretls_is_used_where_it_is_offered_and_the_host_is_authenticated(
    tmp_path: Path,
) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"REQUIRETLS")
        take(dialog)

    pem = OWN.write(tmp_path / "own.pem")
    with scripted_server(tmp_path, script, resolver=VOUCHED, certificate=pem) as (courier, dialogs):
        (outcome,) = send(courier, "L4")
    assert isinstance(outcome, Accepted)
    assert (outcome.evidence.level, outcome.evidence.policy_source) == ("L4", "dane")
    assert dialogs[0].received[3] == b"MAIL FROM:<b@sender.test> REQUIRETLS\r\n"


def test_requiretls_is_not_used_where_the_host_is_not_authenticated(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"REQUIRETLS")
        take(dialog)

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = send(courier)
    assert isinstance(outcome, Accepted)
    assert outcome.evidence.level == "L2"
    assert dialogs[0].received[3] == b"MAIL FROM:<b@sender.test>\r\n"


def test_a_server_that_cannot_keep_requiretls_leads_to_the_portal(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"REQUIRETLS")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"550 5.7.30 REQUIRETLS support required\r\n503 no\r\n503 no\r\n")
        dialog.hear()

    pem = OWN.write(tmp_path / "own.pem")
    with scripted_server(tmp_path, script, resolver=VOUCHED, certificate=pem) as (courier, _):
        (outcome,) = send(courier)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "requires_more_protection"


def test_a_demand_that_is_not_met_sends_nothing_and_costs_no_connection(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        take(dialog)
        take(dialog)

    with scripted_server(tmp_path, script) as (courier, dialogs):
        outcomes = send(courier, "L3", "L2", "L4", "L2")
    assert [type(each) for each in outcomes] == [Unprotected, Accepted, Unprotected, Accepted]
    assert len(dialogs) == 1
    assert b"".join(dialogs[0].received).count(b"MAIL") == 2


def test_organizations_with_different_demands_share_a_host(signed_world: SignedWorld) -> None:
    """The level is of the way, so it depends on the recipient's domain as well as the host."""

    async def scenario() -> list[Outcome]:
        courier = signed_world.courier()
        domains = ["good-tls13.test", "signed-list.unsigned.test", "good-tls13.test"]
        messages = [
            replace(MESSAGE, recipient=parse_address(f"ann@{domain}")) for domain in domains
        ]
        try:
            return [await courier.send(each, Protection.VERIFIED) for each in messages]
        finally:
            await courier.close()

    outcomes = asyncio.run(scenario())
    assert [each.evidence.level for each in outcomes] == ["L3", "L2", "L3"]
    assert {each.evidence.host for each in outcomes} == {"mx1.good-tls13.test"}


def test_an_idle_connection_is_not_kept_for_long(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        take(dialog)
        dialog.hear()
        dialog.say(b"221 bye\r\n")
        left.set()

    left = threading.Event()

    async def scenario(courier: Courier) -> bool:
        await courier.send(MESSAGE, Protection.VERIFIED)
        said_goodbye = await asyncio.to_thread(left.wait, 5)
        await courier.close()
        return said_goodbye

    with scripted_server(tmp_path, script, keep_idle=0.05) as (courier, dialogs):
        assert asyncio.run(scenario(courier))
    assert dialogs[0].received[-1] == b"QUIT\r\n"


# Probes


def probe(courier: Courier, domain: str, minimum_level: Level = "") -> ProbeOutcome:
    async def scenario() -> ProbeOutcome:
        try:
            return await courier.probe(domain, minimum_level=minimum_level)
        finally:
            await courier.close()

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("domain", "type_"),
    [
        (domain_of(Temper.GOOD_TLS13), Reachable),
        ("second-is-good.test", Reachable),
        (domain_of(Temper.NO_STARTTLS), Unprotected),
        (domain_of(Temper.EXPIRED), Unprotected),
        (domain_of(Temper.STARTTLS_454), TlsTemporary),
        (domain_of(Temper.REFUSES_GREETING), Deferred),
        ("null-mx.test", DomainDead),
        ("servfail.test", Deferred),
    ],
)
def test_a_probe_says_what_a_message_would_meet(
    mail_world: MailWorld, domain: str, type_: type
) -> None:
    mail_world.store.clear()
    outcome = probe(world_courier(mail_world), domain)
    assert type(outcome) is type_
    for session in mail_world.store.sessions(f"mx1.{domain}"):
        assert set(session.verbs) <= {"EHLO", "STARTTLS", "QUIT"}


def test_a_probe_says_nothing_but_hello_and_goodbye(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        dialog.hear()
        dialog.say(b"221 bye\r\n")

    with scripted_server(tmp_path, script) as (courier, dialogs):
        outcome = probe(courier, "scripted.test")
    assert isinstance(outcome, Reachable)
    assert outcome.evidence.level == "L2"
    assert outcome.evidence.certificate_sha256
    verbs = [line.split()[0] for line in dialogs[0].received]
    assert verbs == [b"EHLO", b"STARTTLS", b"EHLO", b"QUIT"]


def test_a_probe_keeps_to_what_is_demanded(mail_world: MailWorld) -> None:
    outcome = probe(world_courier(mail_world), domain_of(Temper.GOOD_TLS13), "L3")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "below_required_level"


# The relay


def test_everything_goes_to_the_relay_over_verified_tls(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"REQUIRETLS")
        take(dialog)

    for protection in Protection:
        with scripted_server(tmp_path, script, relayed=True) as (courier, dialogs):
            (outcome,) = send(courier, protection=protection, recipient="ann@far-away.test")
        assert isinstance(outcome, Accepted)
        evidence = outcome.evidence
        assert (evidence.relay, evidence.host, evidence.level) == (True, HOST, "L2")
        assert dialogs[0].received[4] == b"RCPT TO:<ann@far-away.test>\r\n"


def test_a_relay_without_good_tls_gets_nothing_not_even_a_notice(tmp_path: Path) -> None:
    pem = issue(HOST).write(tmp_path / "own.pem")
    for protection in Protection:
        with scripted_server(tmp_path, Dialog.greet, relayed=True, certificate=pem) as (courier, d):
            (outcome,) = send(courier, protection=protection)
        assert isinstance(outcome, Unprotected)
        assert outcome.kind == "certificate_untrusted"
        assert outcome.evidence.relay
        assert not any(b"MAIL" in line for line in d[0].received)


@pytest.mark.parametrize("status", [b"451 4.7.5", b"550 5.7.5", b"454 4.7.4"])
def test_a_relay_that_finds_no_safe_way_leads_to_the_portal(tmp_path: Path, status: bytes) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n" + status + b" no safe way\r\n503 no\r\n")
        dialog.hear()

    with scripted_server(tmp_path, script, relayed=True) as (courier, _):
        (outcome,) = send(courier)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "relay_found_no_protection"
    assert outcome.sentence


LOGIN = base64.b64encode(b"\0sealwright\0s3cret")


def test_a_relay_is_told_who_we_are_inside_tls(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"AUTH LOGIN PLAIN")
        dialog.hear()
        dialog.say(b"235 2.7.0 welcome\r\n")
        take(dialog)

    login = ("sealwright", "s3cret")
    with scripted_server(tmp_path, script, relayed=True, login=login) as (courier, dialogs):
        (outcome,) = send(courier)
    assert isinstance(outcome, Accepted)
    assert dialogs[0].received[3] == b"AUTH PLAIN " + LOGIN + b"\r\n"


@pytest.mark.parametrize(
    ("offered", "answer"), [(b"AUTH PLAIN", b"535 no\r\n"), (b"AUTH GSSAPI", b"")]
)
def test_a_relay_that_lets_us_not_in_defers(tmp_path: Path, offered: bytes, answer: bytes) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", offered)
        dialog.hear()
        dialog.say(answer)
        dialog.hear()

    login = ("sealwright", "s3cret")
    with scripted_server(tmp_path, script, relayed=True, login=login) as (courier, dialogs):
        (outcome,) = send(courier)
    assert isinstance(outcome, Deferred)
    assert outcome.kind == "login_refused"
    assert "s3cret" not in repr(outcome)
    assert (b"AUTH PLAIN " + LOGIN + b"\r\n" in dialogs[0].received) is bool(answer)


def test_a_login_is_never_for_strangers() -> None:
    with pytest.raises(ValueError, match="smarthost"):
        Courier(ScriptedResolver(), helo_name="sender.test", login=("sealwright", "s3cret"))
