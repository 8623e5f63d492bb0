"""The hostile cases by their numbers in the list of things that go wrong with mail.

Others of the list stand where their subject is: 9, 11 and 12 in ``test_dane``, 13 to 15 in
``test_mta_sts``, 30 and 34 to 36 in ``test_mime``, 32 and 33 in ``test_envelope``.
"""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.demo.world.servers import MailWorld
from config.demo.world.tempers import Temper
from delivery.transports.addresses import AddressError, parse_address
from delivery.transports.courier import Courier
from delivery.transports.dns import DeadDomainError, LookupFailedError, MailHost, Resolver
from delivery.transports.envelope import Envelope
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    Outcome,
    ProbeOutcome,
    Reachable,
    RecipientRefused,
    TlsTemporary,
    Uncertain,
    Unprotected,
)
from delivery.transports.smtp import Timeouts
from delivery.transports.tls import Protection
from tests.mail.certificates import DAY, issue
from tests.mail.scripted import HOST, Dialog, scripted_server
from tests.mail.signed import SignedWorld
from tests.mail.test_hostile_servers import only_tls_1_1
from tests.mail.world import domain_of, world_courier, world_resolver

MESSAGE = Envelope(
    "id-1", parse_address("b@sender.test"), parse_address("ann@scripted.test"), b"canary\r\n"
)
CONTENT_WORDS = (b"MAIL", b"RCPT", b"DATA", b"canary", b"ann")


def talk(courier: Courier, *messages: Envelope) -> list[Outcome]:
    async def scenario() -> list[Outcome]:
        try:
            return [
                await courier.send(each, Protection.VERIFIED) for each in messages or (MESSAGE,)
            ]
        finally:
            await courier.close()

    return asyncio.run(scenario())


def send(world: MailWorld, recipient: str, **options: Any) -> Outcome:
    (outcome,) = talk(
        world_courier(world, **options), replace(MESSAGE, recipient=parse_address(recipient))
    )
    return outcome


def assert_silent(dialogs: list[Dialog]) -> None:
    heard = b"".join(line for dialog in dialogs for line in dialog.received)
    assert not [word for word in CONTENT_WORDS if word in heard]


def offer(*lines: bytes) -> bytes:
    *first, last = (b"hello", *lines)
    return b"".join(b"250-%b\r\n" % line for line in first) + b"250 %b\r\n" % last


def before_tls(dialog: Dialog, answer: bytes) -> None:
    """As far as the answer to STARTTLS."""
    dialog.say(b"220 hello\r\n")
    dialog.hear()
    dialog.say(offer(b"STARTTLS"))
    dialog.hear()
    dialog.say(answer)


def take(dialog: Dialog, final: bytes = b"250 2.0.0 taken\r\n") -> None:
    """One pipelined message."""
    for _ in range(3):
        dialog.hear()
    dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
    dialog.hear_content()
    dialog.say(final)


def test_case_01_a_554_greeting_leads_to_the_next_host_and_keeps_the_recipient(
    mail_world: MailWorld,
) -> None:
    outcome = send(mail_world, "ann@second-talks.test")
    assert isinstance(outcome, Accepted)
    assert outcome.evidence.host == "mx2.second-talks.test"
    alone = send(mail_world, f"ann@{domain_of(Temper.REFUSES_GREETING)}")
    assert isinstance(alone, Deferred)
    assert (alone.kind, alone.code, alone.enhanced) == ("greeting_refused", 554, "5.7.1")


def test_case_02_starttls_is_found_in_the_middle_and_in_any_case(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.say(b"220 hello\r\n")
        dialog.hear()
        dialog.say(offer(b"PIPELINING", b"sTaRtTlS", b"HELP"))
        dialog.hear()
        dialog.say(b"220 go\r\n")
        dialog.encrypt()
        dialog.hear()
        dialog.say(offer(b"pipelining"))
        take(dialog)

    with scripted_server(tmp_path, script) as (courier, _):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize(
    "slipped_in", [b"250 2.0.0 OK\r\n", b"250-", b"2", b"220 go\r\n", b"354 go\r\n"]
)
def test_case_03_plain_text_behind_the_220_ends_it(tmp_path: Path, slipped_in: bytes) -> None:
    def script(dialog: Dialog) -> None:
        before_tls(dialog, b"220 go\r\n" + slipped_in)
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "injected_bytes"
    assert_silent(dialogs)


@pytest.mark.parametrize(
    ("answer", "kind", "type_"),
    [
        (b"454 4.7.0 not now\r\n", "starttls_deferred", TlsTemporary),
        (b"421 4.7.0 bye\r\n", "starttls_deferred", TlsTemporary),
    ],
)
def test_case_04_a_4xx_to_starttls_may_pass(
    tmp_path: Path, answer: bytes, kind: str, type_: type
) -> None:
    with scripted_server(tmp_path, lambda dialog: before_tls(dialog, answer)) as (courier, heard):
        (outcome,) = talk(courier)
    assert type(outcome) is type_
    assert outcome.kind == kind  # type: ignore[union-attr]
    assert_silent(heard)


@pytest.mark.parametrize("answer", [b"501 no\r\n", b"502 no\r\n", b"250 what\r\n", b"354 eh\r\n"])
def test_case_05_any_other_answer_to_starttls_is_no_tls(tmp_path: Path, answer: bytes) -> None:
    with scripted_server(tmp_path, lambda dialog: before_tls(dialog, answer)) as (courier, heard):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "starttls_refused"
    assert_silent(heard)


@pytest.mark.parametrize("offered", [b"XXXXXXXX", b"STARTTLSX", b"XSTARTTLS", b"STARTTLS2"])
def test_case_06_a_keyword_that_was_overwritten_is_no_tls(tmp_path: Path, offered: bytes) -> None:
    def script(dialog: Dialog) -> None:
        dialog.say(b"220 hello\r\n")
        dialog.hear()
        dialog.say(offer(b"SIZE 1000", offered))
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "no_starttls"
    assert_silent(dialogs)


def test_case_07_tls_before_1_2_is_no_tls(tmp_path: Path) -> None:
    with scripted_server(tmp_path, Dialog.greet, prepare=only_tls_1_1) as (courier, dialogs):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "tls_too_old"
    assert_silent(dialogs)


@pytest.mark.parametrize(
    ("starts", "ends", "kind"),
    [
        (-2 * DAY, -DAY, "certificate_expired"),
        (DAY, 2 * DAY, "certificate_not_yet_valid"),
    ],
)
def test_case_08_certificates_count_between_their_dates(
    tmp_path: Path, starts: Any, ends: Any, kind: str
) -> None:
    authority = issue(authority=True, common_name="authority")
    pem = issue(HOST, issuer=authority, starts=starts, ends=ends).write(tmp_path / "leaf.pem")
    outcome, heard = over_certificate(tmp_path, pem, authority.write(tmp_path / "own-ca.pem"))
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == kind
    assert_silent(heard)


@pytest.mark.parametrize(
    ("names", "common_name"),
    [
        (("other.test",), "test"),
        ((), HOST),
        (("*.test",), "test"),
        (("mx.scripted.test.evil.test",), HOST),
    ],
)
def test_case_10_certificates_count_for_their_alternative_names_alone(
    tmp_path: Path, names: tuple[str, ...], common_name: str
) -> None:
    authority = issue(authority=True, common_name="authority")
    leaf = issue(*names, issuer=authority, common_name=common_name)
    pem, ca_file = leaf.write(tmp_path / "leaf.pem"), authority.write(tmp_path / "own-ca.pem")
    outcome, heard = over_certificate(tmp_path, pem, ca_file)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "certificate_name"
    assert_silent(heard)


def over_certificate(folder: Path, pem: Path, ca_file: Path) -> tuple[Outcome, list[Dialog]]:
    with scripted_server(folder, Dialog.greet, certificate=pem, trusted=ca_file) as (
        courier,
        heard,
    ):
        (outcome,) = talk(courier)
    return outcome, heard


def test_case_16_a_null_mx_counts_only_when_it_stands_alone(mail_world: MailWorld) -> None:
    (host,) = look_up(mail_world, MX=["0 .", "5 .", "10 mx1.good-tls13.test."])
    assert host.name == "mx1.good-tls13.test"
    for alone in (["0 ."], ["10 ."], ["0 .", "10 ."]):
        with pytest.raises(DeadDomainError) as caught:
            look_up(mail_world, MX=alone)
        assert (caught.value.kind, caught.value.status) == ("takes_no_mail", "5.1.10")


def test_case_17_an_ip_address_is_not_a_name(mail_world: MailWorld) -> None:
    literals = ["5 127.0.1.1.", "6 10.0.0.1."]
    (host,) = look_up(mail_world, MX=[*literals, "10 mx1.good-tls13.test."])
    assert host.name == "mx1.good-tls13.test"
    with pytest.raises(DeadDomainError):
        look_up(mail_world, MX=literals)


def test_case_17_an_alias_is_followed(signed_world: SignedWorld) -> None:
    (host,) = asyncio.run(signed_world.resolver().mail_hosts("dane-aliased.test"))
    assert (host.name, host.aliased_to) == ("mx.dane-aliased.test", "mx.dane-own.test")
    assert len(host.addresses) == 1


@pytest.mark.parametrize("domain", ["to-a-loop.test", "loop1.test"])
def test_case_17_a_loop_of_aliases_is_no_answer(signed_world: SignedWorld, domain: str) -> None:
    with pytest.raises(LookupFailedError):
        asyncio.run(signed_world.resolver().mail_hosts(domain))


@pytest.mark.parametrize(
    "addresses",
    [
        {"A": ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.0.2.1", "255.255.255.255"]},
        {"AAAA": ["::1", "::", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::10.0.0.1"]},
        {"AAAA": ["64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:a00:1::"]},
        {"AAAA": ["2001:0:1::", "fe80::1", "fec0::1", "fc00::1", "ff02::1", "2001:db8::1"]},
    ],
)
def test_case_18_no_domain_leads_into_somebody_s_own_network(
    mail_world: MailWorld, addresses: dict[str, list[str]]
) -> None:
    mail_world.zone["inside.test"] = addresses
    with pytest.raises(DeadDomainError) as caught:
        look_up(mail_world, Resolver([("127.0.0.1", mail_world.dns_port)]), MX=["1 inside.test."])
    assert caught.value.kind == "no_address"


def test_case_18_one_good_address_among_them_is_taken(mail_world: MailWorld) -> None:
    mail_world.zone["half.test"] = {"A": ["10.0.0.1", "9.9.9.9"], "AAAA": ["::1", "2620:fe::9"]}
    outside = Resolver([("127.0.0.1", mail_world.dns_port)])
    (host,) = look_up(mail_world, outside, MX=["1 half.test."])
    assert host.addresses == ("9.9.9.9", "2620:fe::9")


def look_up(
    world: MailWorld, resolver: Resolver | None = None, **records: list[str]
) -> list[MailHost]:
    world.zone["asked.test"] = records
    return asyncio.run((resolver or world_resolver(world)).mail_hosts("asked.test"))


def test_case_19_the_second_host_is_taken_when_the_first_has_no_tls(mail_world: MailWorld) -> None:
    outcome = send(mail_world, "ann@second-is-good.test")
    assert isinstance(outcome, Accepted)
    assert outcome.evidence.host == "mx2.second-is-good.test"


def test_case_20_tls_that_a_probe_saw_and_that_is_gone_at_sending(tmp_path: Path) -> None:
    def plain(dialog: Dialog) -> None:
        dialog.say(b"220 hello\r\n")
        dialog.hear()
        dialog.say(b"250 hello\r\n")
        dialog.hear()

    async def scenario(courier: Courier) -> tuple[ProbeOutcome, Outcome]:
        before = await courier.probe("scripted.test")
        return before, await courier.send(MESSAGE, Protection.VERIFIED)

    with scripted_server(tmp_path, Dialog.greet, plain) as (courier, dialogs):
        before, outcome = asyncio.run(scenario(courier))
    assert isinstance(before, Reachable)
    assert (before.evidence.level, before.evidence.certificate_issuer) == (
        "L2",
        "CN=Demo mail authority",
    )
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "no_starttls"
    assert_silent(dialogs)
    assert dialogs[1].received == [b"EHLO sender.test\r\n", b"QUIT\r\n"]


def test_case_21_a_handshake_that_hangs_may_pass(mail_world: MailWorld) -> None:
    started = time.monotonic()
    outcome = send(mail_world, f"ann@{domain_of(Temper.HANDSHAKE_HANGS)}")
    assert isinstance(outcome, TlsTemporary)
    assert time.monotonic() - started < 4


def test_case_22_a_byte_at_a_time_meets_the_deadline(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        for _ in range(100):
            dialog.say(b"2")
            time.sleep(0.05)

    patient = Timeouts(greeting=9, command=9, data=9, total=0.6, quit=0.1)
    started = time.monotonic()
    with scripted_server(tmp_path, script, timeouts=patient) as (courier, dialogs):
        (outcome,) = talk(courier)
        assert time.monotonic() - started < 5
    assert isinstance(outcome, Deferred)
    assert b"canary" not in b"".join(dialogs[0].received)


@pytest.mark.parametrize(
    "flood", [b"220 " + b"x" * 2_000_000 + b"\r\n", b"220-" + b"x" * 65_536, b"220-x\r\n" * 50_000]
)
def test_case_23_a_banner_or_line_without_end_is_cut_off(tmp_path: Path, flood: bytes) -> None:
    with scripted_server(tmp_path, lambda dialog: dialog.say(flood)) as (courier, _):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Deferred)
    assert outcome.kind in ("not_smtp", "connection_lost")


@pytest.mark.parametrize("replies", [b"250-one\r\n550 two\r\n", b"250-one\r\n250_two\r\n"])
def test_case_24_a_reply_with_two_codes_is_none(tmp_path: Path, replies: bytes) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet()
        dialog.hear()
        dialog.say(replies)

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Deferred)
    assert outcome.kind == "not_smtp"
    assert b"canary" not in b"".join(dialogs[0].received)


def test_case_25_a_421_after_mail_costs_the_connection_but_not_the_message(tmp_path: Path) -> None:
    def impatient(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        take(dialog)
        dialog.hear()
        dialog.say(b"421 4.7.0 enough\r\n")

    def patient(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        take(dialog)

    with scripted_server(tmp_path, impatient, patient) as (courier, dialogs):
        outcomes = talk(courier, MESSAGE, MESSAGE)
    assert [type(each) for each in outcomes] == [Accepted, Accepted]
    assert len(dialogs) == 2


@pytest.mark.parametrize(
    "answer", [b"450 come back\r\n", b"451 4.7.1 come back\r\n", b"450 4.7.1 come back\r\n"]
)
def test_case_26_a_greylisted_recipient_is_to_be_tried_again(tmp_path: Path, answer: bytes) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n" + answer + b"503 no\r\n")
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Deferred)
    assert outcome.kind == "greylisted"
    assert b"canary" not in b"".join(dialogs[0].received)


def test_case_27_a_connection_lost_after_the_dot_is_uncertain(mail_world: MailWorld) -> None:
    outcome = send(mail_world, f"ann@{domain_of(Temper.DROPS_AFTER_DOT)}")
    assert isinstance(outcome, Uncertain)


def test_case_29_a_size_that_the_server_named_is_kept_before_mail(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"SIZE 5")
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = talk(courier)
    assert isinstance(outcome, RecipientRefused)
    assert (outcome.kind, outcome.code, outcome.enhanced) == ("content", 552, "5.3.4")
    assert_silent(dialogs)


@pytest.mark.parametrize(
    ("answer", "type_", "kind"),
    [
        (b"452 4.5.3 too many recipients\r\n", Deferred, "busy"),
        (b"452 too many\r\n", Deferred, "busy"),
        (b"552 5.3.4 too big\r\n", RecipientRefused, "content"),
        (b"552 too big\r\n", RecipientRefused, "content"),
    ],
)
def test_case_29_a_size_that_the_server_did_not_name(
    tmp_path: Path, answer: bytes, type_: type, kind: str
) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        take(dialog, final=answer)
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, _):
        (outcome,) = talk(courier)
    assert type(outcome) is type_
    assert outcome.kind == kind  # type: ignore[union-attr]


def test_case_30_content_is_seven_bit_whatever_the_server_offers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="7-bit"):
        replace(MESSAGE, content="naïve\r\n".encode())

    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"8BITMIME", b"CHUNKING", b"BINARYMIME", b"SMTPUTF8")
        take(dialog)

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = talk(courier)
    assert isinstance(outcome, Accepted)
    assert dialogs[0].received[3] == b"MAIL FROM:<b@sender.test>\r\n"


JOSE = replace(MESSAGE, recipient=parse_address("josé@scripted.test"))


def test_case_31_a_name_beyond_ascii_needs_a_server_that_takes_it(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        take(dialog)

    with scripted_server(tmp_path, script) as (courier, dialogs):
        refused, accepted = talk(courier, JOSE, MESSAGE)
    assert isinstance(refused, RecipientRefused)
    assert (refused.kind, refused.enhanced) == ("address_unreachable", "5.6.7")
    assert refused.sentence
    assert isinstance(accepted, Accepted)  # the connection is none the worse for it
    heard = b"".join(dialogs[0].received)
    assert b"=?" not in heard
    assert b"jos" not in heard


def test_case_31_and_gets_it_unchanged_over_one_that_does(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"SMTPUTF8")
        take(dialog)

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = talk(courier, JOSE)
    assert isinstance(outcome, Accepted)
    assert dialogs[0].received[3:5] == [
        b"MAIL FROM:<b@sender.test> SMTPUTF8\r\n",
        "RCPT TO:<josé@scripted.test>\r\n".encode(),
    ]


def test_case_31_what_was_offered_in_clear_does_not_count(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.say(b"220 hello\r\n")
        dialog.hear()
        dialog.say(offer(b"STARTTLS", b"SMTPUTF8"))
        dialog.hear()
        dialog.say(b"220 go\r\n")
        dialog.encrypt()
        dialog.hear()
        dialog.say(offer(b"PIPELINING"))
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = talk(courier, JOSE)
    assert isinstance(outcome, RecipientRefused)
    assert_silent(dialogs)


@pytest.mark.parametrize(
    "text",
    [
        "a@b.test, c@d.test",
        "c@d.test> NOTIFY=NEVER",
        "@relay.test:u@d.test",
        "u%d.test@relay.test",
        "d.test!u@relay.test",
        "u\0@d.test",
        "u@d.test\0",
        "u@[10.0.0.1]",
        "=?utf-8?q?u?=@d.test",
        "ü\u2028@d.test",
    ],
)
def test_case_37_an_address_that_says_more_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)
