"""What DNS records say, and whether that is what a sender's domain needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import dkim
from delivery.domains import (
    Finding,
    Need,
    PublicKey,
    Record,
    State,
    judge,
    may_send,
    tags_of,
    wanted,
)

RSA = PublicKey("rsa", "sw1", dkim.dns_record(dkim.new_rsa_key()))
OTHER = dkim.dns_record(dkim.new_ed25519_key())
SPF = "v=spf1 a:mail.example.test -all"
RECORDS = {
    each.key: each
    for each in wanted(
        "example.test",
        "bounces.example.test",
        [RSA, PublicKey("ed25519", "sw2", OTHER)],
        SPF,
        "mail.example.test",
    )
}
DKIM, ED = RECORDS["dkim:sw1"], RECORDS["dkim:sw2"]


def state(key: str, *seen: str) -> State:
    return judge(RECORDS[key], seen).state


def test_what_must_stand_is_asked_for_first() -> None:
    needs = [each.need for each in RECORDS.values()]
    assert needs == sorted(needs, key=list(Need).index)
    assert {each.key for each in RECORDS.values() if each.need is Need.MUST} == {
        "dkim:sw1",
        "dmarc",
    }
    assert RECORDS["spf"].name == RECORDS["mx"].name == "bounces.example.test"


@pytest.mark.parametrize("record", RECORDS.values(), ids=lambda each: each.key)
def test_a_record_as_we_ask_for_it_is_found(record: Record) -> None:
    seen = [record.value.partition(" ")[2]] if record.kind == "MX" else [record.value]
    assert judge(record, seen).state is State.OK
    assert judge(record, []).state is State.MISSING
    assert judge(record, None) == Finding(State.UNKNOWN)


@pytest.mark.parametrize("key", [key for key in RECORDS if key != "mx"])
def test_two_records_where_one_belongs_are_wrong(key: str) -> None:
    value = RECORDS[key].value
    found = judge(RECORDS[key], [value, value])
    assert found.state is State.WRONG
    assert "more than one" in found.words
    assert found.seen == (value, value)


def test_a_key_may_be_folded_but_not_another_one() -> None:
    folded = DKIM.value.replace("p=MII", "p= MII ").replace("; k=rsa", "")
    assert state(DKIM.key, folded) is State.OK, "rsa is what a record means without k"
    assert state(DKIM.key, OTHER) is State.WRONG
    assert state(ED.key, ED.value.replace("k=ed25519", "k=rsa")) is State.WRONG
    withdrawn = judge(DKIM, ["v=DKIM1; k=rsa; p="])
    assert withdrawn.state is State.WRONG
    assert "withdrawn" in withdrawn.words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=spf1 include:_spf.example.net a:mail.example.test ~all", State.OK),
        ("V=SPF1 +A:MAIL.EXAMPLE.TEST -ALL", State.OK),
        ("v=spf1 -a:mail.example.test -all", State.WRONG),
        ("v=spf1 -all a:mail.example.test", State.WRONG),
        ("v=spf1", State.WRONG),
        ("v=spf10 a:mail.example.test", State.MISSING),
        ("google-site-verification=1", State.MISSING),
    ],
)
def test_an_spf_record_counts_if_it_names_our_server(text: str, expected: State) -> None:
    assert state("spf", text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DMARC1; p=reject; rua=mailto:d@example.test", State.OK),
        ("v=DMARC1;p=none", State.OK),
        ("v=DMARC1; p=nothing", State.WRONG),
        ("v=DMARC1; rua=mailto:d@example.test", State.WRONG),
        ("v=DMARC2; p=none", State.MISSING),
        ("p=none; v=DMARC1", State.MISSING),
    ],
)
def test_a_dmarc_record_must_have_a_policy(text: str, expected: State) -> None:
    assert state("dmarc", text) is expected


def test_a_weak_policy_counts_and_gets_advice() -> None:
    found = judge(RECORDS["dmarc"], ["v=DMARC1; p=none"])
    assert found.state is State.OK
    assert "p=quarantine" in found.words
    assert found.seen == ("v=DMARC1; p=none",)


def test_bounces_may_have_more_hosts_than_ours() -> None:
    assert state("mx", "mx.other.test", "Mail.Example.test") is State.OK
    assert state("mx", "mx.other.test") is State.WRONG


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([(Need.MUST, State.OK), (Need.SHOULD, State.MISSING), (Need.MAY, State.WRONG)], True),
        ([(Need.MUST, State.OK), (Need.MUST, State.MISSING)], False),
        ([(Need.MUST, State.WRONG), (Need.MUST, State.UNKNOWN)], False),
        ([(Need.MUST, State.OK), (Need.MUST, State.UNKNOWN)], None),
        ([], False),
    ],
)
def test_nothing_is_sent_before_what_must_stand_stands(
    findings: list[tuple[Need, State]], expected: bool | None
) -> None:
    assert may_send(findings) is expected


@given(st.sampled_from(sorted(RECORDS)), st.lists(st.text(max_size=80), max_size=4))
def test_whatever_the_dns_says_is_judged(key: str, seen: list[str]) -> None:
    found = judge(RECORDS[key], seen)
    assert found.state is not State.UNKNOWN
    assert found.state is not State.WRONG or (found.words and found.seen)


@given(st.lists(st.text(max_size=40), max_size=3))
def test_other_texts_beside_a_record_don_t_hide_it(others: list[str]) -> None:
    harmless = [text for text in others if "=" not in text]
    for key, record in RECORDS.items():
        if record.kind == "TXT":
            assert judge(record, [*harmless, record.value]).state is State.OK, key


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.integers()))
def test_tags_are_read_as_they_were_written(tags: dict[str, int]) -> None:
    text = " ; ".join(f"{name} = {value}" for name, value in tags.items())
    assert tags_of(text) == {name: str(value) for name, value in tags.items()}
