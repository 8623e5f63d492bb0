"""Messages as they arrived at real mail servers: what is in them, and what is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from html import unescape
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import dkim
import lxml.html
import pytest

from config.demo.world import smtp_server
from contacts import queries as contacts
from contacts.rules.segments import Segment
from contacts.services import save_many
from delivery.content import compile_content
from delivery.dkim import header_fields
from delivery.models import DkimKey
from delivery.rules import Status
from delivery.services import mailings
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.mail.test_wire_content import assert_both_signatures_verify
from tests.post import TREATMENT, Post, clean, publish
from tests.programs import skip_unless_required

GOOD, OTHER_GOOD = "quentin.zamora@riverside-mail.test", "ottilie@valleymail.test"
NO_TLS = "xaver.unger@plainmail.test"
SECRETS = ("quentin", "zamora", "xaver", "unger", "ottilie", "r77", "diabetes", "oncology")
SIGNED = ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe")
HTML = (
    "<html><head><title>A note</title></head><body><h1>Dear {{ first_name|default('patient') }},"
    "</h1><p>{{ department }} wrote this about your {{ conditions }}.</p><ul><li>Drink   water</li>"
    '<li><a href="https://www.riverside.test/flu?a=1&amp;b=2">Flu shots</a></li></ul>'
    '<p><a href="https://www.riverside.test/walk"><b>Take</b> a walk</a> &amp; rest, ñandú.</p>'
    "<table><tr><td>Seen by</td><td>{{ primary_provider }}</td></tr></table>"
    '<p>{{ postal_address }}, <a href="{{ preferences_url }}">choose</a> or '
    '<a href="{{ unsubscribe_url }}">stop</a></p></body></html>'
)
USUAL = (
    *("DKIM-Signature", "DKIM-Signature", "From", "Subject", "MIME-Version", "To", "Date"),
    *("Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Content-Type"),
)
HOSTILE = (
    "Ann\r\nBcc: x@evil.test",
    "Ann\nBcc: x@evil.test\n\nHello",
    "Ann\r\n.\r\nMAIL FROM:<x@evil.test>",
    "Ann\u2028Bcc: x@evil.test",
    "Ann\u2029Bcc: x@evil.test",
    "Ann\x85Bcc: x@evil.test",
    "=?utf-8?q?=0D=0ABcc:_x@evil.test?=",
    "Ann\x0b\x0cBcc: x@evil.test",
    "<b>Ann</b> & Bob {{ conditions }}",
    "..",
    "tabs\t and  spaces \t",
    "日本 " * 60,
)


@pytest.fixture
def dialogs(monkeypatch: pytest.MonkeyPatch) -> dict[object, list[tuple[str, str]]]:
    """What the servers hear, by connection: verbs and their arguments in order."""
    heard: dict[object, list[tuple[str, str]]] = {}

    def noting(connection: object, verb: str, method: Callable[..., object]) -> object:
        async def noted(argument: str | None) -> None:
            heard.setdefault(connection, []).append((verb, argument or ""))
            await method(argument)  # type: ignore[misc]

        return noted

    monkeypatch.setattr(smtp_server.Connection, "_noting", noting)
    return heard


def mail(
    post: Post, *addresses: str, tracking: bool = True, first_names: Sequence[str] = ()
) -> None:
    """A letter with everything in it, to people with names, departments and doctors."""
    names = first_names or [address.partition(".")[0].title() for address in addresses]
    more = {"department": "Oncology", "primary_provider": "Dr. Ekström"}
    with acting_for(post.organization.id):
        save_many(
            [
                clean(7700 + number, address, first_name=name, **more)
                for number, (address, name) in enumerate(zip(addresses, names, strict=True))
            ]
        )
        ids = [each for each, _ in contacts.matching(Segment(), contacts.today())]
        post.ids = {each.email or "": each.id for each in contacts.opened(ids).values()}
        sender = create_sender("Riverside Health", f"care-{new_id().hex}@riverside.test")
    publish(post.organization, post.world)
    with acting_for(post.organization.id):
        fields = [each.key for each in contacts.fields()]
        mailing = mailings.create_mailing(
            new_id(),
            sender.id,
            compile_content("A note from your clinic", "Good to know", HTML, fields),
            TREATMENT,
            mailings.Approved("0" * 64, new_id()),
            tracking,
        )
        mailings.plan(
            mailing.id,
            [(post.ids[address].bytes, address.rpartition("@")[2]) for address in addresses],
        )
    post.send()
    post.send()


def arrived(post: Post, address: str) -> bytes:
    (found,) = post.world.store.messages_for(address)
    return found.raw


def read(raw: bytes) -> EmailMessage:
    """As the standard library reads it, without a defect anywhere."""
    message = cast("EmailMessage", message_from_bytes(raw, policy=policy.default))
    for part in message.walk():
        assert not part.defects
        for value in part.values():
            assert not getattr(value, "defects", ())
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return cast("str", found.get_content()).replace("\r\n", "\n")


def links_in(html: str) -> list[str]:
    return [each.get("href") for each in lxml.html.document_fromstring(html).iter("a")]


def words_in(html: str) -> list[str]:
    """What a reader of the HTML sees, as words."""
    tree = lxml.html.document_fromstring(html)
    for hidden in tree.xpath("//head | //*[contains(@style, 'display:none')]"):
        hidden.drop_tree()
    return re.findall(r"\w+", " ".join(tree.itertext()))


def test_the_text_says_what_the_html_says(post: Post) -> None:
    mail(post, GOOD, NO_TLS)
    for address in (GOOD, NO_TLS):
        message = read(arrived(post, address))
        html, text = part(message, "html"), part(message, "plain")
        found = links_in(html)
        assert found
        for link in found:
            assert link in text
        assert set(words_in(html)) <= set(re.findall(r"\w+", text))
    letter = read(arrived(post, GOOD))
    words = iter(re.findall(r"\w+", part(letter, "plain")))
    assert all(word in words for word in words_in(part(letter, "html"))), "and in its order"
    for value in ("Quentin", "Oncology", "Diabetes", "Dr. Ekström", "1 River Road"):
        assert value in part(letter, "plain")
        assert value in unescape(part(letter, "html"))


@pytest.mark.parametrize("tracking", [True, False])
def test_links_and_pictures_are_first_party_and_only_where_they_are_counted(
    post: Post, tracking: bool
) -> None:
    mail(post, GOOD, tracking=tracking)
    html = part(read(arrived(post, GOOD)), "html")
    ours = post.organization.link_origin
    assert ("<img" in html) is tracking
    straight = [link for link in links_in(html) if not link.startswith(ours)]
    assert straight == (
        []
        if tracking
        else ["https://www.riverside.test/flu?a=1&b=2", "https://www.riverside.test/walk"]
    )
    sources = re.findall(r'src="([^"]*)"', html)
    assert all(source.startswith(ours) for source in sources)


def test_ids_are_opaque_in_headers_addresses_and_envelopes(
    post: Post, dialogs: dict[object, list[tuple[str, str]]]
) -> None:
    mail(post, GOOD, NO_TLS)
    for address in (GOOD, NO_TLS):
        raw = arrived(post, address)
        message = read(raw)
        told = [
            f"{name}: {value}"
            for each in message.walk()
            for name, value in each.items()
            if name != "To"
        ]
        told += links_in(part(message, "html"))
        told += re.findall(r"https?://\S+", part(message, "plain"))
        for text in told:
            assert not [word for word in SECRETS if word in text.casefold()]
    heard = [each for dialog in dialogs.values() for each in dialog]
    senders = [argument for verb, argument in heard if verb == "MAIL"]
    assert len(senders) >= 2
    for argument in senders:
        assert not [word for word in SECRETS if word in argument.casefold()]
        assert "RET=HDRS" in argument, "a bounce must not bring the content back"
    for verb, argument in heard:
        if verb == "RCPT":
            assert argument.partition(">")[0] in (f"TO:<{GOOD}", f"TO:<{NO_TLS}")
            assert not [word for word in ("r77", "diabetes", "oncology") if word in argument]


def test_check_35_there_is_one_recipient_in_a_transaction(
    post: Post, dialogs: dict[object, list[tuple[str, str]]]
) -> None:
    addresses = [f"p{number}@riverside-mail.test" for number in range(30)]
    mail(post, *addresses)
    recipients: list[str] = []
    for dialog in dialogs.values():
        verbs = [each for each, _ in dialog if each in ("MAIL", "RCPT", "DATA")]
        assert verbs == ["MAIL", "RCPT", "DATA"] * (len(verbs) // 3)
        recipients += [argument for verb, argument in dialog if verb == "RCPT"]
    assert len(recipients) == len(set(recipients)) == len(addresses)
    senders = {arg for dialog in dialogs.values() for verb, arg in dialog if verb == "MAIL"}
    assert len(senders) == len(addresses), "each message has a return path of its own"


def test_both_signatures_verify_with_the_records_to_publish(post: Post) -> None:
    mail(post, GOOD, OTHER_GOOD, NO_TLS)
    with acting_for(post.organization.id):
        records = dict(DkimKey.objects.values_list("selector", "record"))
    for address in (GOOD, OTHER_GOOD, NO_TLS):
        assert_both_signatures_verify(arrived(post, address), records)


def test_case_36_a_long_list_unsubscribe_stays_raw_and_is_signed_with_its_post(
    post: Post,
) -> None:
    organization = post.organization
    organization.link_origin = f"https://{'.'.join(['links' * 10] * 3)}.riverside.test"
    organization.save()
    mail(post, GOOD)
    raw = arrived(post, GOOD)
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    (line,) = [each for each in head if each.lower().startswith(b"list-unsubscribe:")]
    assert len(line) > 250
    assert re.fullmatch(rb"List-Unsubscribe: <https://[!-;=?-~]+>", line)
    assert b"=?" not in line
    after = head[head.index(line) + 1]
    assert after == b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    fields = header_fields(raw.partition(b"\r\n\r\n")[0] + b"\r\n")
    signatures = [value for name, value in fields if name == b"DKIM-Signature"]
    assert len(signatures) == 2
    for value in signatures:
        listed = dkim.parse_tag_value(value)[b"h"].decode().casefold().replace(" ", "")
        names = re.split(r"\s*:\s*", listed.replace("\r\n", ""))
        for name in (*SIGNED, "List-Unsubscribe-Post"):
            assert names.count(name.casefold()) == 2, "once more than it occurs"
    with acting_for(organization.id):
        assert_both_signatures_verify(raw, dict(DkimKey.objects.values_list("selector", "record")))
    assert complaints(raw) == []


def test_case_35_a_merge_value_is_text_and_never_a_header(post: Post) -> None:
    people = {f"p{number}@riverside-mail.test": value for number, value in enumerate(HOSTILE)}
    mail(post, *people, first_names=list(people.values()))
    assert len(post.world.store.recent(99)) == len(people), "one message for each, and no other"
    for address, value in people.items():
        raw = arrived(post, address)
        message = read(raw)
        assert sorted(message) == sorted(USUAL)
        assert "evil" not in str(message.items())
        shown = value.replace("\r\n", "\n").replace("\r", "\n")
        assert f"Dear {shown}," in part(message, "plain")
        assert f"Dear {shown}," in unescape(part(message, "html"))
        assert complaints(raw) == []


def test_nothing_that_spam_filters_count_against_a_message(post: Post) -> None:
    mail(post, GOOD, NO_TLS)
    assert complaints(arrived(post, GOOD)) == []
    assert complaints(arrived(post, NO_TLS)) == []
    assert post.message(NO_TLS).status == Status.IN_PORTAL


RECEIVED = (
    b"Return-Path: <b+x@bounces.riverside.test>\r\n"
    b"Received: from mail.riverside.test (mail.riverside.test [192.0.43.7])\r\n"
    b" by mx1.example.com with ESMTPS id 1; %b\r\n"
)
"""What the recipient's server adds before its filter looks."""


def test_spamassassin_counts_little_against_a_message_or_a_notice(
    post: Post, tmp_path: Path
) -> None:
    program = shutil.which("spamassassin")
    if program is None:
        skip_unless_required("SpamAssassin is not installed, so no message was shown to it.")
    mail(post, GOOD, NO_TLS)
    for address in (GOOD, NO_TLS):
        now = format_datetime(datetime.now(UTC)).encode()
        judged = subprocess.run(
            [program, "--local", "--test-mode", "--cf=dns_available no"],
            input=RECEIVED % now + arrived(post, address),
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
        )
        status = message_from_bytes(judged.stdout)["X-Spam-Status"]
        score = re.search(r"score=(-?[\d.]+)", status)
        assert score, status
        assert float(score[1]) < 2, f"spam begins at 5: {status}"


def complaints(raw: bytes) -> list[str]:
    """What filters such as SpamAssassin and mailbox providers score, in the message itself."""
    message = read(raw)
    html, text = part(message, "html"), part(message, "plain")
    tree = lxml.html.document_fromstring(html)
    sender = str(message["From"].addresses[0].domain)
    images, shown = list(tree.iter("img")), " ".join(words_in(html))
    domains = [
        dkim.parse_tag_value(str(each).encode())[b"d"].decode()
        for each in message.get_all("DKIM-Signature", [])
    ]
    age = datetime.now(UTC) - message["Date"].datetime
    title = tree.findtext(".//title") or ""
    lied = [
        link
        for link in tree.iter("a")
        if re.match(r"https?://", link.text_content())
        and urlsplit(link.text_content()).hostname != urlsplit(link.get("href")).hostname
    ]
    once = ("From", "To", "Date", "Subject", "Message-ID", "MIME-Version", "Content-Type")
    wrong = {
        "8-bit octets": not raw.isascii(),
        "control characters": bool(re.search(rb"[^\t\r\n -~]", raw)),
        "bare CR or LF": bool(re.search(rb"\r(?!\n)|(?<!\r)\n", raw)),
        "lines over 998": any(len(line) > 998 for line in raw.split(b"\r\n")),
        "a header missing or twice": any(len(message.get_all(name, [])) != 1 for name in once),
        "an empty header": any(not str(value).strip() for value in message.values()),
        "a date that is not now": abs(age) > timedelta(minutes=10),
        "Message-ID of another domain": not str(message["Message-ID"]).endswith(f"@{sender}>"),
        "signed by another domain": set(domains) != {sender},
        "an unneeded encoded word": b"=?" in raw.partition(b"\r\n\r\n")[0],
        "a subject that shouts": str(message["Subject"]).isupper() or "!!" in message["Subject"],
        "no text": len(text.split()) < 5,
        "parts not in order": [each.get_content_type() for each in message.walk()]
        != ["multipart/alternative", "text/plain", "text/html"],
        "no charset": any(each.get_content_charset() != "utf-8" for each in message.iter_parts()),
        "nothing but pictures": len(shown) < 100 * len(images),
        "HTML without title": not title.strip(),
        "HTML that runs or asks": bool(tree.xpath("//script|//form|//iframe|//object|//embed")),
        "text too small or hidden": "font-size:0" in html.replace(" ", ""),
        "a link that says another": bool(lied),
        "a link by number or in clear": any(
            re.match(r"http:|https?://\d", link) for link in links_in(html)
        ),
        "no way to unsubscribe": "List-Unsubscribe" not in message
        or "List-Unsubscribe-Post" not in message,
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]
