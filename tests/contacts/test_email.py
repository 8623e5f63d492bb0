"""One plain mailbox is read; whatever could mail somebody else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.email import EmailAddress, EmailProblem


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Ana.Ruiz+flu@Example.ORG ", "Ana.Ruiz+flu@example.org"),
        ("o'neil@münchen.example", "o'neil@xn--mnchen-3ya.example"),
        ("a@b.test", "a@b.test"),
    ],
)
def test_plain_addresses(text: str, address: str) -> None:
    parsed = EmailAddress.parse(text)
    assert str(parsed) == address
    assert parsed.match_key == address.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "@example.org",
        "ana@",
        "ana@localhost",
        "ana@127.0.0.1",
        "ana@[127.0.0.1]",
        "Ana <ana@example.org>",
        "ana@example.org, bob@example.org",
        "ana@example.org;bob@example.org",
        "ana@@example.org",
        "ana@x@example.org",
        ".ana@example.org",
        "ana.@example.org",
        "a..b@example.org",
        '"a b"@example.org',
        "ana@exa_mple.org",
        "ana@-example.org",
        "ana@example.org.",
        "ana@example..org",
        "añá@example.org",
        "ana@example.org\r\nBcc: bob@example.org",
        "ana(comment)@example.org",
        f"{'a' * 65}@example.org",
        f"a@{'.'.join(['b' * 60] * 5)}.org",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(EmailProblem):
        EmailAddress.parse(text)


@given(st.text() | st.tuples(st.text(), st.text()).map("@".join))
def test_what_is_read_is_read_again_the_same(text: str) -> None:
    try:
        address = EmailAddress.parse(text)
    except EmailProblem:
        return
    assert EmailAddress.parse(str(address)) == address
    assert str(address).isascii()
    assert len(str(address)) <= 254
