"""Sealed values, blind index and public tokens."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encryption import cipher
from encryption.blind_index import BlindIndex
from encryption.keyring import Key, Keyring, LocalMasterKey, MasterKeyProblem, new_material
from encryption.public_tokens import PublicTokens, UnknownToken

KEY = bytes(range(32))
ORGANIZATION, ROW = uuid4(), uuid4()
FIRST = Key(uuid4(), 1, KEY)
RING = Keyring(ORGANIZATION, "profile", {FIRST.id: FIRST})


@given(st.binary(max_size=2000))
def test_what_is_sealed_opens_in_its_place_only(plaintext: bytes) -> None:
    sealed = RING.seal(plaintext, "contacts_contact", ROW)
    assert RING.open(sealed, "contacts_contact", ROW) == plaintext
    elsewhere = Keyring(uuid4(), "profile", RING.keys)
    other_use = Keyring(ORGANIZATION, "message", RING.keys)
    for ring, table, row in (
        (RING, "contacts_contact", uuid4()),
        (RING, "other_table", ROW),
        (elsewhere, "contacts_contact", ROW),
        (other_use, "contacts_contact", ROW),
    ):
        with pytest.raises(cipher.CannotOpen):
            ring.open(sealed, table, row)


@given(st.binary(max_size=100), st.data())
def test_a_changed_byte_never_opens(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(RING.seal(plaintext, "t", ROW))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(cipher.CannotOpen):
        RING.open(bytes(sealed), "t", ROW)


@given(st.binary(max_size=60))
def test_what_was_never_sealed_is_refused(noise: bytes) -> None:
    with pytest.raises(cipher.CannotOpen):
        RING.open(noise, "t", ROW)


def test_the_same_value_seals_differently_each_time() -> None:
    assert RING.seal(b"same", "t", ROW) != RING.seal(b"same", "t", ROW)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    old = RING.seal(b"value", "t", ROW)
    second = Key(uuid4(), 2, new_material())
    rotated = Keyring(ORGANIZATION, "profile", {FIRST.id: FIRST, second.id: second})
    assert rotated.open(old, "t", ROW) == b"value"
    assert cipher.key_id_of(rotated.seal(b"value", "t", ROW)) == second.id


def test_a_destroyed_key_destroys_what_it_sealed() -> None:
    sealed = RING.seal(b"value", "t", ROW)
    second = Key(uuid4(), 2, new_material())
    with pytest.raises(cipher.CannotOpen):
        Keyring(ORGANIZATION, "profile", {second.id: second}).open(sealed, "t", ROW)


def test_keys_do_not_show_in_logs() -> None:
    assert KEY.hex() not in repr(FIRST)
    assert repr(KEY) not in repr(FIRST)


def test_the_master_key_wraps_for_one_context_only() -> None:
    master, other = LocalMasterKey(KEY), LocalMasterKey(new_material())
    wrapped = master.wrap(b"material", b"context")
    assert master.unwrap(wrapped, b"context") == b"material"
    with pytest.raises(MasterKeyProblem, match="changed or moved"):
        master.unwrap(wrapped, b"another")
    with pytest.raises(MasterKeyProblem, match="another master key"):
        other.unwrap(wrapped, b"context")
    with pytest.raises(MasterKeyProblem, match="32 bytes"):
        LocalMasterKey.from_base64("c2hvcnQ=")
    with pytest.raises(MasterKeyProblem, match="can't be read"):
        LocalMasterKey.from_file("/nowhere/at/all")


@given(st.text(max_size=50), st.text(max_size=50))
def test_tokens_of_fields_and_organizations_do_not_meet(one: str, two: str) -> None:
    index, other = BlindIndex(KEY), BlindIndex(new_material())
    assert index.token("condition", one) == BlindIndex(KEY).token("condition", one)
    assert index.token("condition", one) != index.token("city", one)
    assert index.token("condition", one) != other.token("condition", one)
    if one != two:
        assert index.wide_token("email", one) != index.wide_token("email", two)
    assert -(2**63) <= index.token("condition", one) < 2**63


@given(st.uuids())
def test_a_link_is_the_same_each_time_and_good_for_one_purpose(row: UUID) -> None:
    tokens = PublicTokens(KEY)
    token = tokens.make("open", row)
    assert token == tokens.make("open", row)
    assert tokens.read("open", token) == row
    assert row.hex not in token
    with pytest.raises(UnknownToken):
        tokens.read("unsubscribe", token)
    with pytest.raises(UnknownToken):
        PublicTokens(new_material()).read("open", token)


@given(st.text(max_size=80))
def test_nobody_can_make_a_link_up(noise: str) -> None:
    with pytest.raises(UnknownToken):
        PublicTokens(KEY).read("open", noise)
