"""Messages to real mail servers of every temper: what becomes of each."""

import asyncio
import time
from dataclasses import replace

import pytest

from config.demo.world.servers import MailWorld
from config.demo.world.store import StoredSession
from config.demo.world.tempers import Temper
from delivery.transports.addresses import parse_address
from delivery.transports.envelope import Envelope
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    DomainDead,
    Outcome,
    RecipientRefused,
    TlsTemporary,
    Uncertain,
    Unprotected,
)
from delivery.transports.tls import Protection
from tests.mail.world import domain_of, world_courier

CONTENT = b"Subject: Hello\r\n\r\ncanary-diagnosis\r\n..two dots\r\n.\r\n. one\r\nend\r\n"


@pytest.fixture(autouse=True)
def _empty_mailboxes(mail_world: MailWorld) -> None:
    mail_world.store.clear()


def envelope(recipient: str, content: bytes = CONTENT) -> Envelope:
    return Envelope("id-1", parse_address("b@sender.test"), parse_address(recipient), content)


def send(world: MailWorld, recipient: str, protection: Protection = Protection.VERIFIED) -> Outcome:
    async def scenario() -> Outcome:
        courier = world_courier(world)
        try:
            return await courier.send(envelope(recipient), protection)
        finally:
            await courier.close()

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("temper", "version"),
    [
        (Temper.GOOD_TLS13, "TLSv1.3"),
        (Temper.GOOD_TLS12, "TLSv1.2"),
        (Temper.PLAIN_VERBS, "TLSv1.3"),
        (Temper.ODD_CASE, "TLSv1.3"),
    ],
)
def test_good_servers_take_the_message_with_evidence(
    mail_world: MailWorld, temper: Temper, version: str
) -> None:
    domain = domain_of(temper)
    outcome = send(mail_world, f"ann@{domain}")
    assert isinstance(outcome, Accepted)
    evidence = outcome.evidence
    assert (evidence.level, evidence.tls_version) == ("L2", version)
    assert "GCM" in evidence.cipher
    assert len(evidence.certificate_sha256) == 64
    assert (evidence.host, evidence.code, evidence.enhanced) == (f"mx1.{domain}", 250, "2.0.0")
    (message,) = mail_world.store.messages_for(f"ann@{domain}")
    assert message.raw == CONTENT
    assert message.tls_version == version
    assert message.subject == "Hello"


@pytest.mark.parametrize("temper", [Temper.GOOD_TLS13, Temper.GOOD_TLS12])
def test_a_long_message_arrives_as_it_was(mail_world: MailWorld, temper: Temper) -> None:
    """Longer than a TLS record, and than what the kernel takes at once."""
    recipient = f"ann@{domain_of(temper)}"
    content = b"Subject: Long\r\n\r\n" + b"".join(b"line %d\r\n" % n for n in range(100_000))

    async def scenario() -> list[Outcome]:
        courier = world_courier(mail_world, connections_per_host=1)
        try:
            return [
                await courier.send(envelope(recipient, each), Protection.VERIFIED)
                for each in (content, CONTENT, content)
            ]
        finally:
            await courier.close()

    outcomes = asyncio.run(scenario())
    assert [type(outcome) for outcome in outcomes] == [Accepted] * 3
    stored = sorted(len(each.raw) for each in mail_world.store.messages_for(recipient))
    assert stored == sorted(len(each) for each in (content, CONTENT, content))
    assert content in [each.raw for each in mail_world.store.messages_for(recipient)]


@pytest.mark.parametrize(
    ("temper", "kind"),
    [
        (Temper.EXPIRED, "certificate_expired"),
        (Temper.SELF_SIGNED, "certificate_untrusted"),
        (Temper.WRONG_NAME, "certificate_name"),
        (Temper.NO_STARTTLS, "no_starttls"),
        (Temper.STARTTLS_501, "starttls_refused"),
        (Temper.INJECTED, "injected_bytes"),
    ],
)
def test_without_acceptable_tls_not_one_byte_of_content_is_sent(
    mail_world: MailWorld, temper: Temper, kind: str
) -> None:
    outcome = send(mail_world, f"ann@{domain_of(temper)}")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == kind
    assert outcome.sentence
    assert_nothing_was_said(mail_world, domain_of(temper))


@pytest.mark.parametrize(
    ("temper", "kind"),
    [
        (Temper.STARTTLS_454, "starttls_deferred"),
        (Temper.HANDSHAKE_HANGS, "handshake_failed"),
    ],
)
def test_tls_troubles_that_may_pass(mail_world: MailWorld, temper: Temper, kind: str) -> None:
    outcome = send(mail_world, f"ann@{domain_of(temper)}")
    assert isinstance(outcome, TlsTemporary)
    assert outcome.kind == kind
    assert_nothing_was_said(mail_world, domain_of(temper))


def test_tls_1_0_carries_nothing(mail_world: MailWorld) -> None:
    outcome = send(mail_world, f"ann@{domain_of(Temper.OLD_TLS)}")
    assert isinstance(outcome, Unprotected | TlsTemporary)
    assert_nothing_was_said(mail_world, domain_of(Temper.OLD_TLS))


def test_tls_gone_between_look_up_and_send(mail_world: MailWorld) -> None:
    domain = domain_of(Temper.STRIPPED_LATER)
    assert isinstance(send(mail_world, f"ann@{domain}"), Accepted)
    sessions(mail_world, domain)
    mail_world.store.clear()
    outcome = send(mail_world, f"bob@{domain}")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "no_starttls"
    assert_nothing_was_said(mail_world, domain)
    assert mail_world.store.messages_for(f"bob@{domain}") == []


@pytest.mark.parametrize(
    ("recipient", "outcome_type", "kind", "code"),
    [
        ("gone1@riverside-mail.test", RecipientRefused, "recipient_gone", 550),
        (f"a@{domain_of(Temper.ALWAYS_451)}", Deferred, "busy", 451),
        (f"a@{domain_of(Temper.MAILBOX_FULL)}", Deferred, "mailbox_full", 452),
        (f"a@{domain_of(Temper.REFUSES_GREETING)}", Deferred, "greeting_refused", 554),
        (f"a@{domain_of(Temper.LONG_BANNER)}", Deferred, "not_smtp", None),
        (f"a@{domain_of(Temper.MIXED_CODES)}", Deferred, "not_smtp", None),
        (f"a@{domain_of(Temper.REFUSES_CONTENT)}", RecipientRefused, "content", 554),
        (f"a@{domain_of(Temper.DROPS_BEFORE_CONTENT)}", Deferred, "connection_lost", None),
        (f"a@{domain_of(Temper.DROPS_AFTER_DOT)}", Uncertain, "lost_after_content", None),
        ("a@first-is-away.test", TlsTemporary, "greeting_refused", 554),
        ("a@null-mx.test", DomainDead, "takes_no_mail", None),
        ("a@does-not-exist.test", DomainDead, "no_such_domain", None),
        ("a@private.test", DomainDead, "no_address", None),
        ("a@servfail.test", Deferred, "lookup_failed", None),
    ],
)
def test_refusals_and_failures(
    mail_world: MailWorld,
    recipient: str,
    outcome_type: type[RecipientRefused | Deferred | Uncertain | DomainDead | TlsTemporary],
    kind: str,
    code: int | None,
) -> None:
    outcome = send(mail_world, recipient)
    assert type(outcome) is outcome_type
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.sentence
    assert recipient not in repr(outcome)


def test_greylisting_passes_at_the_second_attempt(mail_world: MailWorld) -> None:
    recipient = f"again@{domain_of(Temper.GREYLIST)}"
    first = send(mail_world, recipient)
    assert isinstance(first, Deferred)
    assert first.kind == "greylisted"
    assert isinstance(send(mail_world, recipient), Accepted)


def test_the_second_mx_is_tried_when_the_first_has_no_tls(mail_world: MailWorld) -> None:
    outcome = send(mail_world, "ann@second-is-good.test")
    assert isinstance(outcome, Accepted)
    assert outcome.evidence.host == "mx2.second-is-good.test"


def test_a_message_over_the_servers_size_is_not_offered(mail_world: MailWorld) -> None:
    async def scenario() -> Outcome:
        courier = world_courier(mail_world)
        big = envelope(f"ann@{domain_of(Temper.SMALL_SIZE)}", b"x" * 70 + b"\r\n" * 1000)
        try:
            return await courier.send(big, Protection.VERIFIED)
        finally:
            await courier.close()

    outcome = asyncio.run(scenario())
    assert isinstance(outcome, RecipientRefused)
    assert (outcome.kind, outcome.enhanced) == ("content", "5.3.4")
    (session,) = sessions(mail_world, domain_of(Temper.SMALL_SIZE))
    assert "MAIL" not in session.verbs


@pytest.mark.parametrize(
    ("temper", "level"),
    [
        (Temper.GOOD_TLS13, "L1"),
        (Temper.EXPIRED, "L1"),
        (Temper.SELF_SIGNED, "L1"),
        (Temper.NO_STARTTLS, "L0"),
        (Temper.STARTTLS_454, "L0"),
        (Temper.OLD_TLS, "L0"),
    ],
)
def test_notices_go_out_as_protected_as_the_server_can(
    mail_world: MailWorld, temper: Temper, level: str
) -> None:
    outcome = send(mail_world, f"ann@{domain_of(temper)}", Protection.OPPORTUNISTIC)
    assert isinstance(outcome, Accepted)
    assert outcome.evidence.level == level
    (message,) = mail_world.store.messages_for(f"ann@{domain_of(temper)}")
    assert message.plaintext == (level == "L0")


def test_a_verified_message_never_uses_a_notices_connection(mail_world: MailWorld) -> None:
    async def scenario() -> list[Outcome]:
        courier = world_courier(mail_world)
        message = envelope(f"ann@{domain_of(Temper.EXPIRED)}")
        try:
            return [
                await courier.send(message, protection)
                for protection in (Protection.OPPORTUNISTIC, Protection.VERIFIED)
            ]
        finally:
            await courier.close()

    notice, message = asyncio.run(scenario())
    assert isinstance(notice, Accepted)
    assert isinstance(message, Unprotected)


def test_many_messages_share_few_connections(mail_world: MailWorld) -> None:
    domain = domain_of(Temper.GOOD_TLS13)

    async def scenario() -> list[Outcome]:
        courier = world_courier(mail_world, connections_per_host=3, messages_per_connection=20)
        messages = [envelope(f"p{n}@{domain}") for n in range(50)]
        messages[7] = envelope(f"gone@{domain}")
        try:
            return list(
                await asyncio.gather(*(courier.send(m, Protection.VERIFIED) for m in messages))
            )
        finally:
            await courier.close()

    outcomes = asyncio.run(scenario())
    assert isinstance(outcomes.pop(7), RecipientRefused)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert mail_world.store.count_by_domain() == {domain: 49}
    ended = sessions(mail_world, domain, at_least=3)
    assert 3 <= len(ended) <= 6
    assert max(session.verbs.count("DATA") for session in ended) <= 20
    assert sum(session.verbs.count("RSET") for session in ended) <= 1


def test_a_server_that_has_enough_gets_a_new_connection(mail_world: MailWorld) -> None:
    domain = domain_of(Temper.IMPATIENT)

    async def scenario() -> list[Outcome]:
        courier = world_courier(mail_world, connections_per_host=1)
        try:
            return [
                await courier.send(envelope(f"p{n}@{domain}"), Protection.VERIFIED)
                for n in range(5)
            ]
        finally:
            await courier.close()

    assert all(isinstance(outcome, Accepted) for outcome in asyncio.run(scenario()))
    assert len(sessions(mail_world, domain, at_least=3)) == 3


def test_one_failed_handshake_answers_for_the_messages_behind_it(mail_world: MailWorld) -> None:
    domain = domain_of(Temper.EXPIRED)

    async def scenario() -> list[Outcome]:
        courier = world_courier(mail_world, connections_per_host=2)
        messages = [envelope(f"p{n}@{domain}") for n in range(30)]
        try:
            return list(
                await asyncio.gather(*(courier.send(m, Protection.VERIFIED) for m in messages))
            )
        finally:
            await courier.close()

    assert all(isinstance(outcome, Unprotected) for outcome in asyncio.run(scenario()))
    assert len(sessions(mail_world, domain)) <= 2


def test_what_is_written_before_content_is_written_once_and_in_time(mail_world: MailWorld) -> None:
    domain = domain_of(Temper.GOOD_TLS13)
    seen: list[int] = []

    async def note() -> None:
        await asyncio.sleep(0.02)
        seen.append(len(mail_world.store.messages_for(f"ann@{domain}")))

    async def scenario() -> None:
        courier = world_courier(mail_world)
        message = envelope(f"ann@{domain}")
        assert isinstance(await courier.send(message, Protection.VERIFIED, note), Accepted)
        refused = replace(message, recipient=parse_address(f"gone@{domain}"))
        await courier.send(refused, Protection.VERIFIED, note)
        await courier.close()

    asyncio.run(scenario())
    assert seen == [0]


def test_when_writing_before_content_fails_nothing_is_sent(mail_world: MailWorld) -> None:
    domain = domain_of(Temper.GOOD_TLS13)

    async def stop() -> None:
        raise RuntimeError("stopped")

    async def scenario() -> Outcome:
        courier = world_courier(mail_world, connections_per_host=1)
        try:
            with pytest.raises(RuntimeError, match="stopped"):
                await courier.send(envelope(f"ann@{domain}"), Protection.VERIFIED, stop)
            return await courier.send(envelope(f"bob@{domain}"), Protection.VERIFIED)
        finally:
            await courier.close()

    assert isinstance(asyncio.run(scenario()), Accepted)
    assert mail_world.store.count_by_domain() == {domain: 1}
    assert mail_world.store.messages_for(f"ann@{domain}") == []


def sessions(world: MailWorld, domain: str, at_least: int = 1) -> list[StoredSession]:
    """The sessions of a domain's first server; waits until so many have ended."""
    for _ in range(100):
        ended = world.store.sessions(f"mx1.{domain}")
        if len(ended) >= at_least:
            return ended
        time.sleep(0.02)
    raise AssertionError("The server has not seen enough sessions.")


def assert_nothing_was_said(world: MailWorld, domain: str) -> None:
    for session in sessions(world, domain):
        assert not {"MAIL", "RCPT", "DATA"} & set(session.verbs)
        assert b"canary" not in session.clear_bytes
        assert b"ann" not in session.clear_bytes
    assert world.store.messages_for(f"ann@{domain}") == []
