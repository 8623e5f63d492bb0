"""Reading what comes back: many forms, hostile ones too, in bounded time."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import verp
from delivery.bounces import (
    Bounced,
    Complained,
    Delayed,
    Kind,
    Nothing,
    NotUnderstood,
    read,
)
from delivery.bounces.kinds import kind_of, status_said_in
from encryption.public_tokens import PublicTokens
from tenancy.models import new_id
from tests.delivery.bounces import samples

ADDRESS = "Ann.Lee@example.test"
OURS, THEIRS = PublicTokens(bytes(32)), PublicTokens(bytes([1] * 32))


@pytest.mark.parametrize("form", samples.GONE)
def test_every_form_says_that_the_mailbox_is_gone(form: str) -> None:
    assert read(samples.GONE[form](ADDRESS)).finding(ADDRESS) == Bounced(Kind.RECIPIENT_GONE)


@pytest.mark.parametrize("form", samples.GONE)
def test_what_is_read_keeps_nothing_of_the_message(form: str) -> None:
    assert samples.CANARY not in repr(read(samples.GONE[form](ADDRESS)))
    assert ADDRESS.lower() not in repr(read(samples.GONE[form](ADDRESS))).lower()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("5.1.1", Kind.RECIPIENT_GONE),
        ("5.1.2", Kind.RECIPIENT_GONE),
        ("5.1.3", Kind.RECIPIENT_GONE),
        ("5.1.6", Kind.RECIPIENT_GONE),
        ("5.1.10", Kind.RECIPIENT_GONE),
        ("5.4.4", Kind.RECIPIENT_GONE),
        ("5.2.1", Kind.MAILBOX_FULL),
        ("5.2.2", Kind.MAILBOX_FULL),
        ("4.2.2", Kind.MAILBOX_FULL),
        ("5.7.1", Kind.POLICY),
        ("5.7.26", Kind.POLICY),
        ("5.3.4", Kind.CONTENT),
        ("5.6.0", Kind.CONTENT),
        ("4.7.4", Kind.TLS),
        ("4.7.5", Kind.TLS),
        ("5.7.10", Kind.TLS),
        ("5.7.30", Kind.TLS),
        ("4.4.7", Kind.EXPIRED),
        ("5.4.7", Kind.EXPIRED),
        ("4.1.1", Kind.EXPIRED),
        ("4.4.1", Kind.EXPIRED),
        ("5.0.0", Kind.OTHER),
        ("5.5.0", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_a_status_has_its_kind(status: str, kind: Kind) -> None:
    assert kind_of(status) is kind


def test_case_40_failed_with_a_status_of_class_4_is_expired_and_condemns_no_address() -> None:
    assert read(samples.dsn(ADDRESS, "4.4.1")).finding(ADDRESS) == Bounced(Kind.EXPIRED)
    assert read(samples.dsn(ADDRESS, "4.1.1")).finding(ADDRESS) == Bounced(Kind.EXPIRED)


def test_a_delay_is_no_failure() -> None:
    assert read(samples.dsn(ADDRESS, "4.4.1", "delayed")).finding(ADDRESS) == Delayed()


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_what_arrived_is_no_failure(action: str) -> None:
    assert read(samples.dsn(ADDRESS, "2.0.0", action)).finding(ADDRESS) == Nothing()


def test_of_several_recipients_ours_counts() -> None:
    other = "Final-Recipient: rfc822; other@example.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    assert read(samples.dsn(ADDRESS, "4.4.1", "delayed", extra=other)).finding(ADDRESS) == Delayed()
    arrived = other.replace("failed", "delivered")
    bounce = read(samples.dsn("third@example.test", "5.1.1", extra=arrived))
    assert bounce.finding(ADDRESS) == Nothing(), "somebody it was forwarded to has it"


@pytest.mark.parametrize("answer", [samples.vacation, samples.receipt])
def test_answers_of_robots_are_nothing(answer: object) -> None:
    assert callable(answer)
    assert read(answer(ADDRESS)).finding(ADDRESS) == Nothing()


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"Subject: x", samples.letter_of_a_person(ADDRESS), b"\x00" * 300_000]
)
def test_what_is_no_bounce_is_not_understood(raw: bytes) -> None:
    with pytest.raises(NotUnderstood):
        read(raw)


def test_a_number_with_dots_in_a_server_s_words_is_not_always_a_status() -> None:
    assert status_said_in("550 5.1.1 gone") == "5.1.1"
    assert status_said_in("550-5.1.1 gone") == "5.1.1"
    assert status_said_in("no mailbox (#5.7.1)") == "5.7.1"
    assert status_said_in("host [10.5.1.1] with exim 4.96.1, 5.1.1.1") == ""


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out", "opt-out-list"])
def test_a_complaint_has_its_kind(kind: str) -> None:
    assert read(samples.complaint("", kind)).finding("") == Complained(kind)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus"])
def test_feedback_about_something_else_is_no_complaint(kind: str) -> None:
    assert read(samples.complaint("", kind)).finding("") == Nothing()


def test_an_unknown_kind_of_feedback_is_taken_for_a_complaint() -> None:
    assert read(samples.complaint("", "displeasure")).finding("") == Complained("other")


# Hostile mails -----------------------------------------------------------------------------------

SEEDS = [make(ADDRESS) for make in samples.GONE.values()]
SEEDS += [samples.vacation(ADDRESS), samples.receipt(ADDRESS), samples.complaint("X: y")]


def only_not_understood(raw: bytes) -> None:
    try:
        mail = read(raw)
    except NotUnderstood:
        return
    mail.finding(ADDRESS)
    mail.finding("")
    for clue in mail.clues:
        list(verp.claims_in(clue))


@given(st.binary(max_size=2_000))
def test_any_octets_are_read_or_not_understood(raw: bytes) -> None:
    only_not_understood(raw)


@given(st.sampled_from(SEEDS), st.data())
def test_a_damaged_bounce_is_read_or_not_understood(raw: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 40)))
        raw = raw[:start] + data.draw(st.binary(max_size=20)) + raw[end:]
    only_not_understood(raw)


HEADERS = st.sampled_from(
    [
        "Content-Type: multipart/report; boundary=b",
        "Content-Type: multipart/mixed; boundary=c",
        "Content-Type: message/delivery-status",
        "Content-Type: message/global-delivery-status",
        "Content-Type: message/feedback-report",
        "Content-Type: message/rfc822",
        "Content-Type: text/rfc822-headers",
        "Content-Type: text/plain; charset=utf-7",
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: x-uuencode",
        "Action: failed",
        "Status: 5.1.1",
        "Final-Recipient: rfc822; a@example.test",
        "Feedback-Type: abuse",
        "X-Failed-Recipients: <<a@b",
        "Auto-Submitted: =?x?q?=ff?=",
        "",
        "--b",
        "--c",
        "--b--",
        "<a@example.test>: 550 5.1.1",
        "Hi. This is the qmail-send program",
    ]
)


@given(st.lists(HEADERS, max_size=40))
def test_any_structure_is_read_or_not_understood(lines: list[str]) -> None:
    only_not_understood("\r\n".join(lines).encode())


def deep(kind: bytes, times: int) -> bytes:
    return b"".join(b"Content-Type: %s\r\n\r\n--b%d\r\n" % (kind % n, n) for n in range(times))


@pytest.mark.parametrize(
    "raw",
    [
        deep(b"multipart/mixed; boundary=b%d", 5_000),
        deep(b"message/rfc822; n=%d", 5_000),
        deep(b"multipart/mixed; boundary=b%d", 90) + b"x\r\n" * 100_000,
        b"Content-Type: message/delivery-status\r\n\r\n" + b"a:\r\n\r\n" * 160_000,
        b"Content-Type: text/plain\r\n\r\n" + b" " * 1_000_000,
        b"Content-Type: text/plain\r\n\r\nThe following addresses had\r\n" + b"a" * 1_000_000,
        b"Content-Type: text/plain\r\n\r\n" + b"<" * 1_000_000,
        b"X: " + b"a\r\n " * 250_000,
        b"Delivered-To: " + b"b+a." * 250_000,
        b"Content-Type: text/plain; " + b"a=b;" * 250_000,
    ],
    ids=lambda raw: str(raw[:20]),
)
def test_a_megabyte_of_malice_ends(raw: bytes) -> None:
    only_not_understood(raw)


# Addresses that mail comes back to ---------------------------------------------------------------


@given(st.uuids(), st.text("abcdefghjkmnpqrstuvwxyz23456789", min_size=10, max_size=16))
def test_an_address_leads_back_to_its_message_and_fits_everywhere(row: UUID, code: str) -> None:
    made = verp.return_path(code, OURS, row, "bounces.riverside.test")
    assert made == verp.return_path(code, OURS, row, "bounces.riverside.test")
    assert len(made.local) <= 64
    assert made.local == made.local.lower()
    for spelled in (str(made), str(made).upper()):
        claim = verp.claim_of(spelled)
        assert claim is not None
        assert (claim.code, claim.message_id) == (code, row)
        assert claim.holds(OURS)
        assert not claim.holds(THEIRS)
    (found,) = verp.claims_in(f"from x by y for <{made}>; Mon")
    assert found.message_id == row


@given(st.uuids(), st.integers(0, 44), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_case_40_a_forged_address_is_none_of_ours(row: UUID, place: int, letter: str) -> None:
    made = str(verp.return_path("kbcdefghjk", OURS, row, "bounces.riverside.test"))
    at = made.index(".") + 1 + place
    forged = made[:at] + letter + made[at + 1 :]
    claim = verp.claim_of(forged)
    assert forged == made or claim is None or not claim.holds(OURS)


@pytest.mark.parametrize("address", ["", "@", "b+@x", "care@riverside.test", "b+a.b@x", "b+a.é@x"])
def test_other_addresses_claim_nothing(address: str) -> None:
    assert verp.claim_of(address) is None


def test_an_id_tells_when_it_was_made() -> None:
    assert abs((verp.made_at(new_id()) - datetime.now(UTC)).total_seconds()) < 5
