"""Each defect of a signed authorization is found at the moment of use."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from consent.rules.authorization import Signer, check_authorization, end_of_day
from consent.rules.findings import Kind
from consent.rules.purposes import Information, Purpose, Remuneration
from tests.consent.facts import DAY, LIVE, NOW, PAID_OFFER


def test_a_live_authorization_has_no_findings() -> None:
    assert check_authorization(LIVE, PAID_OFFER, NOW) == []


@pytest.mark.parametrize(
    ("number", "code", "citation", "changes"),
    [
        (1, "information_not_covered", "(c)(1)(i)", {"information": {Information.DEMOGRAPHIC}}),
        (4, "purpose_not_covered", "(c)(1)(iv)", {"purposes": {Purpose.FUNDRAISING}}),
        (6, "signed_in_future", "(c)(1)(vi)", {"signed_on": (NOW + DAY).date()}),
        (7, "no_authority", "(c)(1)(vi)", {"signer": Signer.REPRESENTATIVE}),
        (11, "lacks_remuneration_statement", "(a)(3)(ii)", {"covers_remuneration": False}),
        (15, "form_defective", "(b)(2)(ii)", {"form_passed": False}),
        (15, "expired", "(b)(2)(i)", {"expires_at": NOW}),
        (15, "revoked", "(b)(2)(iii)", {"revoked_at": NOW - DAY}),
        (15, "revoked", "(b)(2)(iii)", {"revoked_at": NOW + DAY}),
        (15, "disputed", "(b)(2)(v)", {"disputed": True}),
        (15, "not_intact", "164.312(c)(1)", {"intact": False}),
        (16, "copy_not_given", "(c)(4)", {"copy_given_at": None}),
    ],
)
def test_each_defect_is_found(
    number: int, code: str, citation: str, changes: dict[str, Any]
) -> None:
    (finding,) = check_authorization(replace(LIVE, **changes), PAID_OFFER, NOW)
    assert (finding.number, finding.code) == (number, code)
    assert citation in finding.citation
    assert finding.kind is (Kind.DUTY if number == 16 else Kind.DEFECT)


def test_it_is_live_until_the_very_moment_of_its_end() -> None:
    last = LIVE.expires_at - timedelta(microseconds=1)
    assert check_authorization(LIVE, PAID_OFFER, last) == []
    assert check_authorization(LIVE, PAID_OFFER, LIVE.expires_at)[0].code == "expired"


def test_a_representative_with_authority_may_sign() -> None:
    signed = replace(LIVE, signer=Signer.REPRESENTATIVE, authority="mother of a minor")
    assert check_authorization(signed, PAID_OFFER, NOW) == []
    assert "mother" not in repr(signed)


def test_payment_within_cost_needs_the_statement_too_but_for_refills() -> None:
    unpaid = replace(LIVE, covers_remuneration=False, purposes=frozenset(Purpose))
    cost_only = replace(PAID_OFFER, remuneration=Remuneration.COST_ONLY)
    assert check_authorization(unpaid, cost_only, NOW)
    refill = replace(cost_only, purpose=Purpose.REFILL_REMINDER)
    assert check_authorization(unpaid, refill, NOW) == []


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (date(2026, 11, 21), "America/Los_Angeles", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        (date(2026, 3, 8), "America/Los_Angeles", datetime(2026, 3, 9, 7, tzinfo=UTC)),
        (date(2026, 12, 31), "America/New_York", datetime(2027, 1, 1, 5, tzinfo=UTC)),
        # Midnight did not exist there that night: clocks went from 23:59 to 01:00.
        (date(2018, 11, 3), "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_in_the_organizations_zone(
    day: date, zone: str, expected: datetime
) -> None:
    assert end_of_day(day, ZoneInfo(zone)) == expected
