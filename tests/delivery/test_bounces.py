"""Case 40: what comes back is believed only where we can know it is ours, does what it must, once,
and stays nowhere."""

from __future__ import annotations

import smtplib
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import Event as AuditEvent
from consent.models import Alert, Suppression
from consent.rules.decision import SuppressionReason
from contacts import queries as contacts
from delivery import queries, verp
from delivery.models import DomainPosture, Event, Mailing, Message, SentOfDay
from delivery.routing import Route
from delivery.rules import RETURNED, TRANSITIONS, MailingStatus, Status
from delivery.services import bounces, notices, sending
from tenancy.current import acting_for
from tenancy.keys import public_tokens
from tenancy.models import Organization, new_id
from tests.delivery.bounces import samples
from tests.delivery.bounces.server import Lmtp, receiver
from tests.people import Room
from tests.post import Post
from tests.test_canary import dump

ANN, BOB = "ann.lee@riverside-mail.test", "bob@plainmail.test"
DOMAIN = "bounces.riverside.test"


def return_path(organization: Organization, message_id: UUID) -> str:
    with acting_for(organization.id):
        made = verp.return_path(organization.public_code, public_tokens(), message_id, DOMAIN)
    return str(made)


def take(path: str, raw: bytes) -> None:
    """What the receiver does with a mail to an address of ours."""
    now = timezone.now()
    to = bounces.destination(path, now)
    assert to is not None
    bounces.take(to, raw, now)


class Returns:
    """An organization's sent messages, and what comes back of them."""

    def __init__(self, post: Post, *addresses: str) -> None:
        self.post = post
        self.mailing = post.mailing(*addresses)
        post.send()

    def path(self, address: str = ANN) -> str:
        return return_path(self.post.organization, self.post.message(address).id)

    def take(self, raw: bytes, address: str = ANN) -> None:
        take(self.path(address), raw)

    def settled(self, address: str = ANN) -> tuple[str, str]:
        message = self.post.message(address)
        return message.status, message.reason

    def events(self, address: str = ANN) -> list[tuple[str, str]]:
        message = self.post.message(address)
        with acting_for(self.post.organization.id):
            found = Event.objects.filter(message_id=message.id).order_by("occurred_at")
            kinds = ("bounced", "delayed", "complained")
            return [(each.kind, each.detail) for each in found if each.kind in kinds]

    def suppressed(self, address: str = ANN) -> list[str]:
        with acting_for(self.post.organization.id):
            token = contacts.address_token(address)
            rows = Suppression.objects.filter(address_token=token, lifted_at=None, scope="all")
            return sorted(rows.values_list("reason", flat=True))

    def audited(self, action: str) -> list[dict[str, object]]:
        with acting_for(self.post.organization.id):
            rows = AuditEvent.objects.filter(action=action)
            return list(rows.values_list("details", flat=True))


@pytest.fixture
def returns(post: Post) -> Returns:
    return Returns(post, ANN, BOB)


# The address that mail comes back to --------------------------------------------------------------


@pytest.mark.parametrize("route", [Route.MAIL, Route.PORTAL, Route.PLAIN])
def test_every_attempt_has_the_same_envelope_sender_and_it_is_ours(
    returns: Returns, route: Route
) -> None:
    message, path = returns.post.message(ANN), returns.path()
    with acting_for(returns.post.organization.id):
        composer = sending.composer_of(Mailing.objects.select_related("sender__domain").get())
        (person,) = contacts.opened([message.contact_id]).values()
        for _ in range(2):
            letter, _context = composer.compose(message.id, person, route, timezone.now())
            assert str(letter.sender) == path
            assert path.encode() not in letter.content, "in the envelope, not in a header"
            assert f"<{message.id.hex}@riverside.test>".encode() in letter.content
    found = bounces.destination(path, timezone.now())
    assert found is not None
    assert found.message_id == message.id
    assert "ann" not in path


def test_letters_without_phi_have_one_of_ours_as_well(returns: Returns) -> None:
    with acting_for(returns.post.organization.id):
        written = notices._code_letter(returns.post.message(BOB).id, "123456")
    assert written is not None
    assert bounces.destination(str(written[0].sender), timezone.now()) is not None


def test_case_40_another_organization_s_code_is_refused(
    returns: Returns, committed_room: Room
) -> None:
    now, path = timezone.now(), returns.path()
    theirs = path.replace(committed_room.riverside.public_code, committed_room.lakeside.public_code)
    assert bounces.destination(path, now) is not None
    assert bounces.destination(theirs, now) is None
    assert bounces.destination(path.replace("b+", "b+x"), now) is None
    signed_by_them = return_path(committed_room.lakeside, returns.post.message(ANN).id)
    forged = signed_by_them.replace(
        committed_room.lakeside.public_code, committed_room.riverside.public_code
    )
    assert bounces.destination(forged, now) is None


def test_case_40_after_thirty_days_an_address_is_refused(returns: Returns) -> None:
    path, now = returns.path(), timezone.now()
    assert bounces.destination(path, now + timedelta(days=29)) is not None
    assert bounces.destination(path, now + timedelta(days=31)) is None


def test_thirty_days_count_from_sending_not_from_planning(post: Post) -> None:
    returns = Returns(post, ANN)
    later = timezone.now() + timedelta(days=40)
    with acting_for(post.organization.id):
        Message.objects.update(settled_at=later - timedelta(days=3))
    assert bounces.destination(returns.path(), later) is not None


# What a bounce does -------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [ANN, BOB])
def test_a_mailbox_that_does_not_exist_fails_the_message_and_is_suppressed(
    returns: Returns, address: str
) -> None:
    returns.take(samples.postfix(address), address)
    assert returns.settled(address) == (Status.FAILED, "bounced_recipient_gone")
    assert returns.events(address) == [("bounced", "recipient_gone")]
    assert returns.suppressed(address) == [SuppressionReason.BOUNCED]
    assert returns.audited("bounce_received") == [{"kind": "recipient_gone"}]
    with acting_for(returns.post.organization.id):
        progress = queries.progress(returns.mailing.id)
        returns.mailing.refresh_from_db()
    assert progress.total == returns.mailing.audience == 2
    assert returns.mailing.status == MailingStatus.FINISHED


def test_the_same_bounce_twice_changes_nothing_twice(returns: Returns) -> None:
    returns.take(samples.postfix(ANN))
    first = returns.post.message(ANN)
    returns.take(samples.postfix(ANN))
    returns.take(samples.qmail(ANN))
    assert returns.post.message(ANN).settled_at == first.settled_at
    assert returns.events() == [("bounced", "recipient_gone")]
    assert len(returns.audited("bounce_received")) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [("5.7.1", "policy"), ("5.6.0", "content"), ("4.4.7", "expired"), ("5.0.0", "other")],
)
def test_other_bounces_fail_the_message_and_suppress_nobody(
    returns: Returns, status: str, kind: str
) -> None:
    returns.take(samples.dsn(ANN, status, words="smtp; 550 no"))
    assert returns.settled() == (Status.FAILED, f"bounced_{kind}")
    assert returns.suppressed() == []


@pytest.mark.parametrize(
    ("statuses", "suppressed"),
    [
        (["5.2.2", "5.2.2"], []),
        (["5.2.2", "4.2.2", "5.2.1"], [SuppressionReason.BOUNCED]),
        (["5.2.2", "5.2.2", "", "5.2.2"], []),
        (["5.2.2", "5.2.2", "5.7.1"], []),
    ],
)
def test_only_a_mailbox_that_is_full_three_times_in_a_row_is_suppressed(
    post: Post, statuses: list[str], suppressed: list[str]
) -> None:
    (contact,) = post.people(ANN)
    post.people = lambda *_: [contact]  # type: ignore[method-assign]
    for status in statuses:
        returns = Returns(post, ANN)
        with acting_for(post.organization.id):
            newest = Message.objects.latest("id")
        assert newest.status == Status.ACCEPTED
        if status:
            take(return_path(post.organization, newest.id), samples.dsn(ANN, status))
    assert returns.suppressed() == suppressed


def test_a_delay_changes_nothing_but_is_noted_once(returns: Returns) -> None:
    for _ in range(2):
        returns.take(samples.dsn(ANN, "4.4.1", "delayed"))
    assert returns.settled() == (Status.ACCEPTED, "")
    assert returns.events() == [("delayed", "")]


@pytest.mark.parametrize(
    "raw", [samples.vacation(ANN), samples.receipt(ANN), samples.letter_of_a_person(ANN), b"\xff"]
)
def test_what_is_no_bounce_changes_nothing(returns: Returns, raw: bytes) -> None:
    returns.take(raw)
    assert returns.settled() == (Status.ACCEPTED, "")
    assert returns.events() == []


def test_a_bounce_resolves_what_was_uncertain(returns: Returns) -> None:
    with acting_for(returns.post.organization.id):
        Message.objects.filter(id=returns.post.message(ANN).id).update(
            status=Status.UNCERTAIN, reason="worker_died"
        )
    returns.take(samples.dsn(ANN, "5.7.1"))
    assert returns.settled() == (Status.FAILED, "bounced_policy")


def test_a_bounce_that_is_faster_than_the_server_s_answer_counts(returns: Returns) -> None:
    with acting_for(returns.post.organization.id):
        Message.objects.filter(id=returns.post.message(ANN).id).update(
            status=Status.TRANSMITTING, in_flight_since=timezone.now(), settled_at=None
        )
    returns.take(samples.postfix(ANN))
    assert returns.settled() == (Status.FAILED, "bounced_recipient_gone")


@pytest.mark.parametrize("status", [Status.QUEUED, Status.STOPPED, Status.SUPPRESSED, Status.HELD])
def test_a_message_that_was_not_sent_stays_as_it_is(returns: Returns, status: Status) -> None:
    with acting_for(returns.post.organization.id):
        Message.objects.filter(id=returns.post.message(ANN).id).update(status=status, reason="x")
    returns.take(samples.dsn(ANN, "5.7.1"))
    assert returns.settled() == (status, "x")


def test_a_relay_that_found_no_safe_way_leads_to_the_portal(returns: Returns) -> None:
    raw = samples.dsn(ANN, "4.7.5", reporter="relay.riverside.test")
    returns.take(raw)
    assert returns.settled() == (Status.QUEUED, "relay_found_no_protection")
    with acting_for(returns.post.organization.id):
        returns.mailing.refresh_from_db()
        assert returns.mailing.status == MailingStatus.SENDING
    returns.take(raw)
    returns.post.send()
    returns.take(raw)
    assert returns.settled() == (Status.IN_PORTAL, "relay_found_no_protection")
    content, notice = sorted(returns.post.world.store.messages_for(ANN), key=lambda each: each.id)
    assert b"/message/" not in content.raw
    assert b"/message/" in notice.raw.replace(b"=\r\n", b"")
    with acting_for(returns.post.organization.id):
        returns.mailing.refresh_from_db()
        assert returns.mailing.status == MailingStatus.FINISHED
        assert queries.progress(returns.mailing.id).total == 2
    returns.take(samples.postfix(ANN))
    assert returns.settled() == (Status.FAILED, "bounced_recipient_gone"), "the notice bounced"


def test_only_a_bounce_takes_a_message_back_out_of_what_was_accepted() -> None:
    assert not set(RETURNED) & set(TRANSITIONS), "a late worker must not"


def test_what_a_relay_gives_back_of_a_stopped_mailing_is_not_sent_again(returns: Returns) -> None:
    with acting_for(returns.post.organization.id):
        Mailing.objects.update(status=MailingStatus.STOPPED)
    returns.take(samples.dsn(ANN, "4.7.5"))
    assert returns.settled() == (Status.FAILED, "bounced_tls")


def test_the_copy_of_a_form_that_comes_back_is_somebody_s_to_see_to(returns: Returns) -> None:
    with acting_for(returns.post.organization.id):
        Mailing.objects.update(kind="copy")
    returns.take(samples.dsn(ANN, "5.7.1"))
    with acting_for(returns.post.organization.id):
        assert list(Alert.objects.values_list("kind", flat=True)) == ["copy_failed"]


def test_after_an_erasure_nobody_knows_whom_to_suppress(returns: Returns) -> None:
    with acting_for(returns.post.organization.id):
        Message.objects.update(sealed_context=None)
    returns.take(samples.postfix(ANN))
    assert returns.settled() == (Status.FAILED, "bounced_recipient_gone")
    assert returns.suppressed() == []


def test_a_letter_of_which_there_is_no_row_changes_nothing(returns: Returns) -> None:
    take(return_path(returns.post.organization, new_id()), samples.postfix(ANN))
    assert returns.settled() == (Status.ACCEPTED, "")


# Complaints ---------------------------------------------------------------------------------------


def returned_headers(returns: Returns, address: str = ANN) -> str:
    """The headers of a message as it arrived, without the address (as providers redact it)."""
    (arrived,) = returns.post.world.store.messages_for(address)
    head = arrived.raw.partition(b"\r\n\r\n")[0].decode()
    return "\r\n".join(line for line in head.split("\r\n") if address not in line)


@pytest.mark.parametrize("address", ["", ANN])
def test_case_40_a_complaint_without_an_address_finds_its_person(
    returns: Returns, address: str
) -> None:
    with acting_for(returns.post.organization.id):
        DomainPosture.objects.filter(domain="riverside-mail.test").update(lane="riverside")
    raw = samples.complaint(returned_headers(returns), address=address)
    for _ in range(2):
        assert bounces.take_from_mailbox(raw, timezone.now())
    assert returns.settled() == (Status.ACCEPTED, ""), "it did arrive"
    assert returns.events() == [("complained", "abuse")]
    assert returns.suppressed() == [SuppressionReason.COMPLAINED]
    assert returns.audited("complaint_received") == [{"kind": "abuse"}]
    with acting_for(returns.post.organization.id):
        counted = SentOfDay.objects.filter(complained__gt=0)
        assert list(counted.values_list("lane", "complained")) == [("riverside", 1)]


def test_a_complaint_may_name_our_envelope_sender(returns: Returns) -> None:
    raw = samples.complaint("Subject: x", return_path=returns.path())
    assert bounces.take_from_mailbox(raw, timezone.now())
    assert returns.suppressed() == [SuppressionReason.COMPLAINED]


def test_case_40_a_forged_complaint_does_nothing(returns: Returns, committed_room: Room) -> None:
    now, headers = timezone.now(), returned_headers(returns)
    assert not bounces.take_from_mailbox(samples.complaint("", address=ANN), now)
    message_id = returns.post.message(ANN).id
    only_ids = f"Message-ID: <{message_id.hex}@riverside.test>\r\nX-Envelope-Id: {message_id.hex}"
    assert not bounces.take_from_mailbox(samples.complaint(only_ids, address=ANN), now)
    codes = committed_room.riverside.public_code, committed_room.lakeside.public_code
    assert not bounces.take_from_mailbox(samples.complaint(headers.replace(*codes)), now)
    assert not bounces.take_from_mailbox(samples.complaint(headers), now + timedelta(days=31))
    assert returns.suppressed() == []
    assert returns.events() == []


def test_a_report_that_it_is_no_spam_does_nothing(returns: Returns) -> None:
    raw = samples.complaint(returned_headers(returns), "not-spam")
    assert bounces.take_from_mailbox(raw, timezone.now())
    assert returns.suppressed() == []


# The receiver, in a process of its own ------------------------------------------------------------


@pytest.fixture
def listening(returns: Returns, own_database: str, tmp_path: Path) -> Iterator[tuple[str, int]]:
    with receiver(own_database, tmp_path / "receiver.log") as address:
        yield address


def test_case_40_every_form_is_taken_over_lmtp_and_stays_nowhere(
    post: Post, own_database: str, tmp_path: Path
) -> None:
    people = {
        f"p{number}.lee@riverside-mail.test": form for number, form in enumerate(samples.GONE)
    }
    returns = Returns(post, *people)
    log = tmp_path / "receiver.log"
    with receiver(own_database, log) as (host, port), Lmtp(host, port) as client:
        for address, form in people.items():
            assert client.deliver(returns.path(address), samples.GONE[form](address)) == 250
            assert returns.settled(address) == (Status.FAILED, "bounced_recipient_gone"), form
    text = dump(own_database)
    assert "bounce_received" in text
    for word in (samples.CANARY, "Undelivered", "MAILER-DAEMON", ".lee@"):
        assert word.lower() not in text.lower()
        assert word.encode().hex() not in text
        assert word.lower() not in log.read_text().lower()


@pytest.mark.parametrize("speaks", [smtplib.LMTP, smtplib.SMTP])
def test_case_40_forged_and_foreign_addresses_are_refused_at_the_door(
    returns: Returns, listening: tuple[str, int], speaks: type[smtplib.SMTP]
) -> None:
    path = returns.path()
    forged = path.replace(path[20], "a" if path[20] != "a" else "b", 1)
    with speaks(*listening) as client:
        client.ehlo_or_helo_if_needed()
        assert client.mail("")[0] == 250
        for address in (forged, "care@riverside.test", f"b+{path[3:]}", ANN):
            assert client.rcpt(address) == (550, b"5.1.1 No such address")
        assert client.rcpt(path.upper())[0] == 250, "some fold the letters"
        assert client.rcpt(path)[0] == 452
        assert client.data(samples.postfix(ANN))[0] == 250
    assert returns.settled() == (Status.FAILED, "bounced_recipient_gone")


def test_a_real_sender_may_complain_and_large_mail_is_refused(
    returns: Returns, listening: tuple[str, int], tmp_path: Path
) -> None:
    with Lmtp(*listening) as client:
        client.ehlo_or_helo_if_needed()
        assert client.mail("", ["SIZE=2000000"])[0] == 552
        assert client.deliver(returns.path(), b"x" * 70 + b"\r\n" * 600_000) == 552
        raw = samples.complaint("Subject: x")
        assert client.deliver(returns.path(), raw, "staff@feedback.test") == 250
    assert returns.suppressed() == [SuppressionReason.COMPLAINED]
    log = (tmp_path / "receiver.log").read_text()
    assert "feedback.test" not in log
    assert returns.path() not in log


def test_what_cannot_be_stored_is_to_be_brought_again(
    returns: Returns, listening: tuple[str, int], own_database: str
) -> None:
    from django.db import connections

    path = returns.path()
    with Lmtp(*listening) as client:
        with connections["owner"].cursor() as owner:
            owner.execute("ALTER TABLE delivery_event RENAME TO moved_away")
        assert client.deliver(path, samples.postfix(ANN)) == 451
        with connections["owner"].cursor() as owner:
            owner.execute("ALTER TABLE moved_away RENAME TO delivery_event")
        assert returns.settled() == (Status.ACCEPTED, "")
        assert client.deliver(path, samples.postfix(ANN)) == 250
    assert returns.settled() == (Status.FAILED, "bounced_recipient_gone")


@pytest.mark.parametrize("listen", ["", "here", "127.0.0.1", "127.0.0.1:smtp", "127.0.0.1:99999"])
def test_where_to_listen_must_be_said(listen: str) -> None:
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:2526"):
        call_command("receive_bounces", listen=listen)


def test_a_mailbox_without_tls_is_refused_at_the_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        env={"SEALWRIGHT_LOCAL": "1", "BOUNCE_MAILBOX_URL": "imap://a:secret@host/INBOX"},
        cwd=settings.BASE_DIR,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "BOUNCE_MAILBOX_URL is not like imaps://" in done.stderr
    assert "secret" not in done.stderr
