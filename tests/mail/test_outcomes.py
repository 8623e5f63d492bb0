"""What a refusing reply means for the message."""

import json

import pytest

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


def test_evidence_is_plain_json() -> None:
    evidence = Evidence(stage=Stage.RCPT, host="mx.test", code=550, enhanced="5.1.1")
    assert json.loads(json.dumps(evidence.to_dict()))["stage"] == "rcpt"
