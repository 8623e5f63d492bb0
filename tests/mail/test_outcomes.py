"""What a refusing reply means for the message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.transports.outcomes import (
    Deferred,
    Evidence,
    RecipientRefused,
    Stage,
    Unprotected,
    classify,
)


@pytest.mark.parametrize(
    ("stage", "code", "enhanced", "kind"),
    [
        (Stage.RCPT, 550, "5.1.1", "recipient_gone"),
        (Stage.RCPT, 550, None, "recipient_gone"),
        (Stage.RCPT, 551, None, "recipient_gone"),
        (Stage.RCPT, 550, "5.1.10", "recipient_gone"),
        (Stage.RCPT, 552, "5.2.2", "mailbox_full"),
        (Stage.RCPT, 552, None, "mailbox_full"),
        (Stage.RCPT, 550, "5.2.1", "mailbox_full"),
        (Stage.RCPT, 550, "5.7.1", "policy"),
        (Stage.RCPT, 554, None, "policy"),
        (Stage.MAIL, 550, None, "policy"),
        (Stage.MAIL, 553, "5.1.1", "policy"),
        (Stage.MAIL, 550, "5.7.26", "policy"),
        (Stage.MAIL, 552, "5.3.4", "content"),
        (Stage.CONTENT, 552, None, "content"),
        (Stage.CONTENT, 554, "5.6.0", "content"),
        (Stage.CONTENT, 554, None, "policy"),
        (Stage.CONTENT, 550, "5.6.3", "content"),
        (Stage.RCPT, 553, "5.6.7", "address_unreachable"),
        (Stage.RCPT, 550, "5.4.7", "expired"),
        (Stage.RCPT, 550, "5.7.5", "policy"),
        (Stage.RCPT, 550, "5.4.4", "recipient_gone"),
    ],
)
def test_permanent_refusals(stage: Stage, code: int, enhanced: str | None, kind: str) -> None:
    outcome = classify(Evidence(stage=stage, code=code, enhanced=enhanced))
    assert isinstance(outcome, RecipientRefused)
    assert (outcome.kind, outcome.code, outcome.enhanced) == (kind, code, enhanced)
    assert outcome.sentence


@pytest.mark.parametrize(
    ("code", "enhanced", "kind"),
    [
        (451, "4.7.1", "greylisted"),
        (450, None, "greylisted"),
        (452, "4.2.2", "mailbox_full"),
        (421, "4.7.0", "throttled"),
        (450, "4.7.28", "throttled"),
        (451, "4.3.0", "busy"),
        (452, None, "busy"),
        (421, None, "throttled"),
        (450, "4.4.7", "expired"),
        (454, "4.7.5", "busy"),
    ],
)
def test_temporary_refusals(code: int, enhanced: str | None, kind: str) -> None:
    outcome = classify(Evidence(stage=Stage.RCPT, code=code, enhanced=enhanced))
    assert isinstance(outcome, Deferred)
    assert outcome.kind == kind
    assert outcome.sentence


@pytest.mark.parametrize("enhanced", ["5.7.10", "5.7.30"])
def test_a_demand_for_more_protection_leads_to_the_portal(enhanced: str) -> None:
    outcome = classify(Evidence(stage=Stage.MAIL, code=550, enhanced=enhanced))
    assert isinstance(outcome, Unprotected)


@pytest.mark.parametrize("enhanced", ["4.7.4", "4.7.5", "5.7.4", "5.7.5"])
def test_a_relay_s_word_that_there_is_no_safe_way_leads_to_the_portal(enhanced: str) -> None:
    outcome = classify(Evidence(stage=Stage.RCPT, enhanced=enhanced, relay=True))
    assert isinstance(outcome, Unprotected)
    assert outcome.sentence


@pytest.mark.parametrize(
    ("enhanced", "type_", "kind"),
    [
        ("5.1.1", RecipientRefused, "recipient_gone"),
        ("5.2.2", RecipientRefused, "mailbox_full"),
        ("4.2.2", Deferred, "mailbox_full"),
        ("4.4.7", Deferred, "expired"),
        (None, Deferred, "busy"),
    ],
)
def test_a_bounce_s_status_is_enough(enhanced: str | None, type_: type, kind: str) -> None:
    outcome = classify(Evidence(stage=Stage.RCPT, enhanced=enhanced, relay=True))
    assert type(outcome) is type_
    assert outcome.kind == kind  # type: ignore[union-attr]


@given(
    st.sampled_from(Stage),
    st.none() | st.integers(400, 599),
    st.none() | st.from_regex(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    st.booleans(),
)
def test_every_refusal_means_something_and_none_is_an_acceptance(
    stage: Stage, code: int | None, enhanced: str | None, relay: bool
) -> None:
    outcome = classify(Evidence(stage=stage, code=code, enhanced=enhanced, relay=relay))
    assert isinstance(outcome, Deferred | RecipientRefused | Unprotected)
    assert outcome.sentence


def test_evidence_is_plain_json() -> None:
    evidence = Evidence(stage=Stage.RCPT, host="mx.test", code=550, enhanced="5.1.1")
    assert json.loads(json.dumps(evidence.to_dict()))["stage"] == "rcpt"
