"""Messages as bytes, read back by the standard library."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.mime import HeaderError, Mailbox, build
from delivery.transports.addresses import parse_address

UNSUBSCRIBE = f"https://links.example.com/code/unsubscribe/{'t' * 120}"
# What may be in a header: no controls, no separators, no surrogates, no encoded words.
header_text = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn", "Co")), max_size=120
).filter(lambda text: "=?" not in text)


def message(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "identifier": "0193-abc",
        "host": "news.example.com",
        "date": datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
        "sender": Mailbox("news@example.com", "Riverside Health"),
        "recipient": parse_address("ann@clinic.example"),
        "subject": "Your flu shot",
        "text": "Hello\n",
        "html": "<p>Hello</p>",
    }
    return build(**(fields | changes))


def read(raw: bytes) -> EmailMessage:
    parsed = cast("EmailMessage", message_from_bytes(raw, policy=policy.default))
    assert not parsed.defects
    return parsed


def content(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    assert part is not None
    assert not part.defects
    return cast("str", part.get_content()).replace("\r\n", "\n")


def test_a_message_has_its_headers_and_both_parts() -> None:
    raw = message(
        reply_to=Mailbox("desk@example.com", "Front desk, Río"),
        list_unsubscribe=[UNSUBSCRIBE, "mailto:leave@example.com"],
        feedback_id="c1:t1:marketing:Sealwright",
    )
    parsed = read(raw)
    assert parsed["From"] == "Riverside Health <news@example.com>"
    assert parsed["To"] == "ann@clinic.example"
    assert parsed["Subject"] == "Your flu shot"
    assert parsed["Date"].datetime == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    assert parsed["Message-ID"] == "<0193-abc@news.example.com>"
    assert parsed["Reply-To"].addresses[0].display_name == "Front desk, Río"
    assert parsed["Feedback-ID"] == "c1:t1:marketing:Sealwright"
    assert parsed.get_content_type() == "multipart/alternative"
    assert content(parsed, "plain") == "Hello\n"
    assert content(parsed, "html") == "<p>Hello</p>\n"


def test_case_36_list_unsubscribe_stays_raw_and_declares_one_click() -> None:
    raw = message(list_unsubscribe=[UNSUBSCRIBE, "mailto:leave@example.com"])
    assert f"List-Unsubscribe: <{UNSUBSCRIBE}>,\r\n <mailto:leave@example.com>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_without_https_there_is_no_one_click() -> None:
    raw = message(list_unsubscribe=["http://x.example/", "mailto:leave@example.com"])
    assert b"List-Unsubscribe-Post" not in raw


def test_without_html_it_is_one_plain_part() -> None:
    parsed = read(message(html=None))
    assert parsed.get_content_type() == "text/plain"
    assert content(parsed, "plain") == "Hello\n"


def test_the_same_input_gives_the_same_bytes() -> None:
    assert message() == message()


@given(header_text, header_text)
def test_names_and_subjects_survive(name: str, subject: str) -> None:
    raw = message(sender=Mailbox("news@example.com", name), subject=subject)
    parsed = read(raw)
    assert parsed["Subject"].split() == subject.split()
    assert [box.addr_spec for box in parsed["From"].addresses] == ["news@example.com"]
    # The name by the older reader: the newer one puts spaces between encoded words of a name.
    shown, address = parseaddr(message_from_bytes(raw)["From"])
    assert address == "news@example.com"
    assert str(make_header(decode_header(shown))).split() == name.split()


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_case_34_bodies_survive_in_seven_bits_and_short_lines(text: str) -> None:
    raw = message(text=text, html=f"<p>{text}")
    assert raw.isascii()
    assert b"\0" not in raw
    lines = raw.split(b"\r\n")
    assert all(len(line) <= 78 and b"\n" not in line and b"\r" not in line for line in lines)
    normal = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    assert content(read(raw), "plain") == normal


@pytest.mark.parametrize(
    "value",
    [
        "Hello\r\nBcc: x@y.example",
        "Hello\nBcc: x@y.example",
        "Hello\rBcc: x@y.example",
        "Hello\u2028Bcc: x@y.example",
        "Hello\u2029Bcc: x@y.example",
        "Hello\x85Bcc: x@y.example",
        "Hello\0",
        "=?utf-8?q?=0D=0ABcc:_x@y.example?=",
        "\ud800",
    ],
)
@pytest.mark.parametrize("place", ["subject", "name"])
def test_case_35_values_that_could_become_headers_are_refused(value: str, place: str) -> None:
    changes: dict[str, Any] = {"subject": value}
    if place == "name":
        changes = {"sender": Mailbox("news@example.com", value)}
    with pytest.raises(HeaderError) as caught:
        message(**changes)
    assert "Bcc" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"identifier": "a b"},
        {"identifier": 'a"b'},
        {"identifier": ""},
        {"host": "news.example.com>\r\nX: y"},
        {"date": datetime(2026, 1, 1)},  # noqa: DTZ001 (that is the mistake)
        {"list_unsubscribe": ["https://x.example/ y"]},
        {"list_unsubscribe": ["https://x.example/>,<https://y.example"]},
        {"list_unsubscribe": ["javascript:alert(1)"]},
        {"list_unsubscribe": ["https://x.example/" + "y" * 1000]},
        {"feedback_id": "a:b"},
        {"feedback_id": "a:b:c:Sealwright\r\nX: y"},
    ],
)
def test_other_values_that_do_not_belong_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(HeaderError):
        message(**changes)
