"""Servers that lie, flood, dawdle and break off, over real sockets."""

import asyncio
import ssl
import time
import warnings
from pathlib import Path

import pytest

from delivery.transports.addresses import parse_address
from delivery.transports.courier import Courier
from delivery.transports.envelope import Envelope
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    Outcome,
    RecipientRefused,
    TlsTemporary,
    Uncertain,
    Unprotected,
)
from delivery.transports.smtp import Timeouts
from delivery.transports.tls import Protection
from tests.mail.scripted import Dialog, scripted_server

MESSAGE = Envelope(
    "id-1", parse_address("b@sender.test"), parse_address("ann@scripted.test"), b"canary\r\n"
)


def send(courier: Courier, count: int = 1) -> list[Outcome]:
    async def scenario() -> list[Outcome]:
        outcomes = [await courier.send(MESSAGE, Protection.VERIFIED) for _ in range(count)]
        await courier.close()
        return outcomes

    return asyncio.run(scenario())


def only_tls_1_1(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1


def only_chacha(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+CHACHA20")


def only_cbc(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")


@pytest.mark.parametrize(
    ("prepare", "kind"),
    [
        (only_tls_1_1, "tls_too_old"),
        (only_chacha, "cipher_unacceptable"),
        (only_cbc, "cipher_unacceptable"),
    ],
)
def test_weak_tls_is_refused(tmp_path: Path, prepare: object, kind: str) -> None:
    with scripted_server(tmp_path, Dialog.greet, prepare=prepare) as (courier, _):  # type: ignore[arg-type]
        (outcome,) = send(courier)
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == kind


def test_a_pipelined_message_goes_out_in_one_write_with_dsn_and_size(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING", b"DSN", b"SIZE 1000")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        dialog.hear_content()
        dialog.say(b"250 taken\r\n")

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = send(courier)
    assert isinstance(outcome, Accepted)
    assert dialogs[0].received[3:8] == [
        b"MAIL FROM:<b@sender.test> SIZE=11 RET=HDRS ENVID=id-1\r\n",
        b"RCPT TO:<ann@scripted.test> NOTIFY=FAILURE,DELAY\r\n",
        b"DATA\r\n",
        b"canary\r\n",
        b".\r\n",
    ]


def test_what_was_offered_in_clear_is_forgotten_after_tls(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.say(b"220 hello\r\n")
        dialog.hear()
        dialog.say(b"250-hello\r\n250-PIPELINING\r\n250-DSN\r\n250 STARTTLS\r\n")
        dialog.hear()
        dialog.say(b"220 go\r\n")
        dialog.encrypt()
        dialog.hear()
        dialog.say(b"250 hello\r\n")
        dialog.hear()
        time.sleep(0.1)
        dialog.say(b"550 5.7.1 no\r\n")
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = send(courier)
    assert isinstance(outcome, RecipientRefused)
    assert dialogs[0].received[3:] == [b"MAIL FROM:<b@sender.test>\r\n", b"QUIT\r\n"]


def test_a_354_after_a_refused_recipient_gets_no_empty_message(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n550 5.1.1 gone\r\n354 go on anyway\r\n")
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = send(courier)
    assert isinstance(outcome, RecipientRefused)
    assert dialogs[0].received[-1] == b""  # closed


def test_a_refused_recipient_costs_a_reset_but_no_connection(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n550 5.1.1 gone\r\n503 no recipients\r\n")
        for _ in range(4):
            dialog.hear()
        dialog.say(b"250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n")
        dialog.hear_content()
        dialog.say(b"250 taken\r\n")

    with scripted_server(tmp_path, script) as (courier, dialogs):
        first, second = send(courier, 2)
    assert isinstance(first, RecipientRefused)
    assert isinstance(second, Accepted)
    assert dialogs[0].received[6] == b"RSET\r\n"


def test_a_server_that_hung_up_between_messages_gets_a_new_connection(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        dialog.hear_content()
        dialog.say(b"250 taken\r\n")

    with scripted_server(tmp_path, script, script) as (courier, dialogs):
        first, second = send(courier, 2)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert len(dialogs) == 2


def test_an_answer_with_a_goodbye_is_an_answer(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        dialog.hear_content()
        dialog.say(b"250 taken\r\n")
        dialog.end_tls()

    with scripted_server(tmp_path, script, script) as (courier, _):
        outcomes = send(courier, 2)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]


def test_a_goodbye_instead_of_an_answer_is_not_waited_for(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"421 4.3.2 closing\r\n")
        dialog.end_tls()

    patient = Timeouts()
    with scripted_server(tmp_path, script, timeouts=patient) as (courier, _):
        (outcome,) = send(courier)
    assert isinstance(outcome, Deferred)


@pytest.mark.parametrize("final", [b"", b"what?\r\n", b"354 more\r\n", b"250-taken\r\n550 no\r\n"])
def test_no_clear_answer_to_the_content_is_uncertain(tmp_path: Path, final: bytes) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        dialog.hear_content()
        dialog.say(final)

    with scripted_server(tmp_path, script) as (courier, _):
        (outcome,) = send(courier)
    assert isinstance(outcome, Uncertain)


def test_silence_after_the_content_is_uncertain(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        dialog.hear_content()
        dialog.hear()

    with scripted_server(tmp_path, script) as (courier, _):
        (outcome,) = send(courier)
    assert isinstance(outcome, Uncertain)


@pytest.mark.parametrize("early", [b"250 taken already\r\n", b""])
def test_what_comes_before_the_content_is_no_answer_to_it(tmp_path: Path, early: bytes) -> None:
    def script(dialog: Dialog) -> None:
        dialog.greet(b"PIPELINING")
        for _ in range(3):
            dialog.hear()
        dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
        if early:
            dialog.say(early)
            dialog.hear()

    async def a_while() -> None:
        await asyncio.sleep(0.2)

    async def scenario(courier: Courier) -> Outcome:
        return await courier.send(MESSAGE, Protection.VERIFIED, a_while)

    with scripted_server(tmp_path, script) as (courier, dialogs):
        outcome = asyncio.run(scenario(courier))
    assert isinstance(outcome, Deferred)
    assert b"canary\r\n" not in dialogs[0].received


def dawdle(dialog: Dialog) -> None:
    for _ in range(50):
        dialog.say(b"2")
        time.sleep(0.05)


def flood(dialog: Dialog) -> None:
    dialog.say(b"220 hello\r\n" * 10_000)


def many_lines(dialog: Dialog) -> None:
    dialog.say(b"220-hello\r\n" * 10_000)


def hang_up(dialog: Dialog) -> None:
    dialog.say(b"220 hel")


@pytest.mark.parametrize("script", [dawdle, flood, many_lines, hang_up])
def test_a_greeting_that_is_none_defers_soon(tmp_path: Path, script: object) -> None:
    started = time.monotonic()
    with scripted_server(tmp_path, script) as (courier, _):  # type: ignore[arg-type]
        (outcome,) = send(courier)
        assert time.monotonic() - started < 3
    assert isinstance(outcome, Deferred)


def test_clear_text_instead_of_a_handshake_may_pass(tmp_path: Path) -> None:
    def script(dialog: Dialog) -> None:
        dialog.say(b"220 hello\r\n")
        dialog.hear()
        dialog.say(b"250-hello\r\n250 STARTTLS\r\n")
        dialog.hear()
        dialog.say(b"220 go\r\n")
        time.sleep(0.1)
        dialog.say(b"250 in clear\r\n")

    with scripted_server(tmp_path, script) as (courier, dialogs):
        (outcome,) = send(courier)
    assert isinstance(outcome, TlsTemporary)
    assert not any(b"canary" in line or b"MAIL" in line for line in dialogs[0].received)


def test_nothing_listens(tmp_path: Path) -> None:
    with scripted_server(tmp_path) as (courier, _):
        pass
    (outcome,) = send(courier)
    assert isinstance(outcome, Deferred)
    assert outcome.kind == "connection_failed"
