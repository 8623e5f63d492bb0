"""Addresses that deserve a look are flagged, and never changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.email import EmailAddress, EmailProblem, FlagCode, flags


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("info@clinic.example", FlagCode.ROLE),
        ("No-Reply@clinic.example", FlagCode.ROLE),
        ("front.desk+x@clinic.example", FlagCode.ROLE),
        ("noemail@clinic.example", FlagCode.PLACEHOLDER),
        ("ana@none.com", FlagCode.PLACEHOLDER),
        ("ana@mailinator.com", FlagCode.DISPOSABLE),
        ("ana@x.mailinator.com", FlagCode.DISPOSABLE),
        ("ana@gmial.com", FlagCode.TYPING_MISTAKE),
    ],
)
def test_flags(address: str, code: FlagCode) -> None:
    (flag,) = flags(EmailAddress.parse(address))
    assert flag.code is code
    assert "ana" not in flag.words


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmial.cmo", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("clinic.example.ogr", "clinic.example.org"),
    ],
)
def test_the_meant_domain_is_named(domain: str, meant: str) -> None:
    (flag,) = flags(EmailAddress.parse(f"ana@{domain}"))
    assert meant in flag.words


@pytest.mark.parametrize(
    "address",
    [
        "ana@gmail.com",
        "ana@ymail.com",
        "ana@mail.com",
        "ana@comcast.net",
        "information.ana@clinic.example",
        "ana@mailinator.com.example",
        "ana@x.ne",
    ],
)
def test_ordinary_addresses_have_none(address: str) -> None:
    assert flags(EmailAddress.parse(address)) == []


@pytest.mark.parametrize(
    "text",
    [
        "a@b.example, c@d.example",
        "c@d.example> NOTIFY=NEVER",
        "<c@d.example> NOTIFY=NEVER",
        "@r.example:u@d.example",
        "a\0@d.example",
        "a@d\0.example",
        "a@d.example\0",
        "a@d.example\x0b",
        "a@d.exam\u2028ple",
        "a%b@c.example@d.example",
        "a!b c@d.example",
        "a@d.example(x)",
    ],
)
def test_what_could_reach_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(EmailProblem):
        EmailAddress.parse(text + "x")


@given(st.emails())
def test_any_address_can_be_looked_at(text: str) -> None:
    try:
        address = EmailAddress.parse(text)
    except EmailProblem:
        return
    assert len({flag.code for flag in flags(address)}) == len(flags(address))
    assert EmailAddress.parse(str(address)) == address
