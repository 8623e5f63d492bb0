"""Addresses: what is taken, and that everything else is refused without being repaired."""

import string
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.transports.addresses import Address, AddressError, parse_address

ATEXT = string.ascii_letters + string.digits + "#$&'*+-/=?^_`{|}~"
atoms = st.text(ATEXT, min_size=1, max_size=20).filter(lambda atom: "=?" not in atom)
locals_ = st.lists(atoms, min_size=1, max_size=3).map(".".join).filter(lambda t: "=?" not in t)
labels = st.from_regex(r"[a-wyz0-9]([a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
domains = st.builds(lambda parts: ".".join([*parts, "test"]), st.lists(labels, min_size=1))


@given(locals_.filter(lambda t: len(t) <= 64), domains.filter(lambda t: len(t) <= 180))
def test_what_the_grammar_allows_is_read_as_it_stands(local: str, domain: str) -> None:
    assert parse_address(f"{local}@{domain}") == Address(local, domain)


@given(st.text())
def test_what_is_taken_is_one_clean_address(text: str) -> None:
    with suppress(AddressError):
        assert_clean(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10))
def test_a_name_in_any_script_is_clean_or_refused(local: str) -> None:
    with suppress(AddressError):
        assert_clean(f"{local}@clinic.example")


def assert_clean(text: str) -> None:
    address = parse_address(text)
    assert parse_address(str(address)) == address
    assert address.domain.isascii()
    assert str(address).isprintable()
    assert not set(str(address)) & set(' \r\n\0<>,;:"()[]\\%!')
    assert str(address).count("@") == 1
    assert unicodedata.is_normalized("NFC", address.local)
    assert len(str(address).split()) == len(str(address).splitlines()) == 1


@pytest.mark.parametrize("local", ["änn", "用户", "अजय", "пётр.иванов", "josé+news"])
def test_names_in_other_scripts_are_kept_as_they_are(local: str) -> None:
    assert parse_address(f"{local}@clinic.example") == Address(local, "clinic.example")


def test_the_reason_does_not_repeat_the_address() -> None:
    with pytest.raises(AddressError) as caught:
        parse_address("secret person@clinic.example")
    assert "secret" not in str(caught.value)


def test_domains_become_a_labels_in_lower_case() -> None:
    assert str(parse_address("Ann.B@Bücher.Example")) == "Ann.B@xn--bcher-kva.example"


def test_an_address_is_not_shown_by_repr() -> None:
    assert "secret" not in repr(parse_address("secret@clinic.example"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "ann",
        "ann@",
        "@clinic.example",
        "a@b.example, c@d.example",
        "c@d.example> NOTIFY=NEVER",
        "@relay.example:ann@clinic.example",
        "ann%other.example@clinic.example",
        "other.example!ann@clinic.example",
        '"ann b"@clinic.example',
        "ann@[192.0.2.1]",
        "ann@192.0.2.1",
        "ann@localhost",
        "ann@clinic..example",
        "ann@-clinic.example",
        "ann@clinic.example.",
        "ann..b@clinic.example",
        ".ann@clinic.example",
        "ann@clinic.example\r\nRCPT TO:<x@y.example>",
        "ann\0@clinic.example",
        "ann @clinic.example",
        "a\u0308nn@clinic.example",
        "ann\u200b@clinic.example",
        "ann\u00a0b@clinic.example",
        "ann\u2028b@clinic.example",
        "ann\u202eb@clinic.example",
        "ann\uff20b@clinic.example",
        "ann\uff0c@clinic.example",
        "ann\x85b@clinic.example",
        "ann\ud800@clinic.example",
        "\U0001f600@clinic.example",
        "ä" * 33 + "@clinic.example",
        "=?utf-8?q?x?=@clinic.example",
        "a" * 65 + "@clinic.example",
        "a@" + "b" * 64 + ".example",
        "a@xn--a.example",
    ],
)
def test_what_libraries_would_repair_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)
