"""Check 33: where no acceptable TLS is to be had, nothing but a notice goes, or nothing at all; and
the record says which TLS carried what did go."""

from __future__ import annotations

import asyncio

import pytest

from config.demo.world.tempers import Temper
from delivery.rules import Status
from delivery.services import couriers, sending
from delivery.transports.smtp import Timeouts
from tests.mail.world import domain_of
from tests.post import DIAGNOSIS, Post

PORTAL = (
    *(Temper.EXPIRED, Temper.SELF_SIGNED, Temper.WRONG_NAME),
    *(Temper.NO_STARTTLS, Temper.STARTTLS_501, Temper.INJECTED),
)
"""No acceptable TLS, and no hope of it: a notice goes instead."""
LATER = (
    *(Temper.STARTTLS_454, Temper.HANDSHAKE_HANGS, Temper.REFUSES_GREETING),
    *(Temper.LONG_BANNER, Temper.MIXED_CODES),
)
"""There may be some another time: the message waits."""
ONE_OR_THE_OTHER = (Temper.OLD_TLS,)
"""Its server hangs up, sometimes before it says why."""
PROTECTED = (Temper.GOOD_TLS13, Temper.GOOD_TLS12, Temper.ODD_CASE, Temper.PLAIN_VERBS)
CONTENT = (DIAGNOSIS.encode(), b"flu shots", b"about your", b"pat0", b"pat1")
"""Words of the content, in small letters."""


@pytest.fixture
def hurried(post: Post, monkeypatch: pytest.MonkeyPatch) -> Post:
    """With a post room that waits for nothing long."""
    quick = Timeouts(connect=2, greeting=2, handshake=1, command=2, data=2, final=3, total=6)
    monkeypatch.setattr(couriers, "Timeouts", lambda **_: quick)
    couriers._dispatcher.cache_clear()
    return post


def address(temper: Temper) -> str:
    return f"ann@{domain_of(temper)}"


def in_clear(post: Post, temper: Temper) -> bytes:
    """All that the server heard without encryption, once its connections have ended."""
    sending.dispatcher().close_idle()
    for _ in range(200):
        sessions = post.world.store.sessions(f"mx1.{domain_of(temper)}")
        if sessions:
            break
        asyncio.run(asyncio.sleep(0.01))
    return b"".join(each.clear_bytes for each in sessions).replace(b"=\r\n", b"").lower()


def assert_no_content(octets: bytes) -> None:
    assert not [word for word in CONTENT if word in octets]


@pytest.mark.parametrize("temper", PORTAL, ids=lambda each: each.name)
def test_check_33_without_acceptable_tls_a_notice_goes_and_no_content(
    hurried: Post, temper: Temper
) -> None:
    hurried.mailing(address(temper))
    hurried.send()
    hurried.send()
    message = hurried.message(address(temper))
    assert message.route == "portal"
    assert_no_content(in_clear(hurried, temper))
    arrived = hurried.world.store.messages_for(address(temper))
    for each in arrived:
        assert_no_content(each.raw.replace(b"=\r\n", b"").lower())
    if temper is Temper.INJECTED:
        assert message.status in (Status.QUEUED, Status.IN_PORTAL)
    else:
        assert message.status == Status.IN_PORTAL
        (notice,) = arrived
        assert notice.tls_version == message.protection["tls_version"]
        assert bool(message.protection["cipher"]) is bool(notice.tls_version)
        assert message.protection["level"] in ("L0", "L1")
    assert message.reason


@pytest.mark.parametrize("temper", LATER, ids=lambda each: each.name)
def test_check_33_while_tls_may_come_back_the_message_waits(hurried: Post, temper: Temper) -> None:
    hurried.mailing(address(temper))
    hurried.send()
    message = hurried.message(address(temper))
    assert message.status == Status.QUEUED
    assert message.next_attempt_at is not None
    assert_no_content(in_clear(hurried, temper))
    assert not hurried.world.store.messages_for(address(temper))


@pytest.mark.parametrize(
    "temper", [Temper.STARTTLS_454, Temper.OLD_TLS], ids=lambda each: each.name
)
def test_check_33_tls_that_does_not_come_back_leads_to_the_portal(
    hurried: Post, temper: Temper
) -> None:
    to = address(temper)
    hurried.mailing(to)
    for _ in range(8):
        hurried.send()
        hurried.due_now()
    message = hurried.message(to)
    assert (message.status, message.route) == (Status.IN_PORTAL, "portal")
    (notice,) = hurried.world.store.messages_for(to)
    assert_no_content(notice.raw.replace(b"=\r\n", b"").lower())
    assert_no_content(in_clear(hurried, temper))


@pytest.mark.parametrize("temper", PROTECTED, ids=lambda each: each.name)
def test_check_33_what_carried_the_content_is_on_record(hurried: Post, temper: Temper) -> None:
    hurried.mailing(address(temper))
    hurried.send()
    message = hurried.message(address(temper))
    (arrived,) = hurried.world.store.messages_for(address(temper))
    assert message.status == Status.ACCEPTED
    assert DIAGNOSIS.encode() in arrived.raw.replace(b"=\r\n", b"").lower()
    protection = message.protection
    wanted = "TLSv1.2" if temper is Temper.GOOD_TLS12 else "TLSv1.3"
    assert protection["tls_version"] == arrived.tls_version == wanted
    assert "GCM" in protection["cipher"] or "CHACHA20" in protection["cipher"]
    assert protection["level"] == "L2"
    assert protection["host"] == f"mx1.{domain_of(temper)}"
    assert len(protection["certificate_sha256"]) == 64
    assert_no_content(in_clear(hurried, temper))


def test_check_33_every_temper_is_looked_at() -> None:
    """Tempers that have nothing to do with TLS are others' business."""
    about_others = {
        *(Temper.GREYLIST, Temper.ALWAYS_451, Temper.MAILBOX_FULL, Temper.SMALL_SIZE),
        *(Temper.IMPATIENT, Temper.REFUSES_CONTENT, Temper.DROPS_BEFORE_CONTENT),
        Temper.DROPS_AFTER_DOT,
        Temper.STRIPPED_LATER,  # tests/delivery/test_lost_tls.py
    }
    assert about_others.isdisjoint({*PORTAL, *LATER, *PROTECTED, *ONE_OR_THE_OTHER})
    assert about_others | {*PORTAL, *LATER, *PROTECTED, *ONE_OR_THE_OTHER} == set(Temper)
