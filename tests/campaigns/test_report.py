"""Reports add up and hide small groups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaigns import rules
from campaigns.rules import REASONS, STATUSES, approval_digest, funnel, part_of
from delivery.bounces import Kind
from delivery.rules import IN_FLIGHT, Status
from delivery.transports.outcomes import SENTENCES

CELLS = st.dictionaries(st.sampled_from(sorted(STATUSES)), st.integers(0, 400), min_size=1)


@given(CELLS)
def test_what_is_shown_adds_up_and_small_groups_stay_hidden(cells: dict[str, int]) -> None:
    shown = funnel({(status, ""): number for status, number in cells.items()}).outcome
    for line in shown.lines:
        assert line.count.hidden or line.count.value == cells[line.code]
        if 1 <= cells[line.code] <= 10:
            assert line.count.hidden
    if shown.total.value is not None and not any(line.count.hidden for line in shown.lines):
        assert sum(line.count.value or 0 for line in shown.lines) == shown.total.value


LEAVES = st.dictionaries(
    st.tuples(st.sampled_from(["accepted", "failed", "suppressed"]), st.sampled_from("abc")),
    st.integers(0, 60),
    min_size=1,
)


@given(LEAVES)
def test_the_sections_of_a_report_don_t_give_each_other_s_small_cells_away(
    cells: dict[tuple[str, str], int],
) -> None:
    shown = funnel(cells)
    leaves = {
        (line.code, reason.code): reason.count
        for line in shown.outcome.lines
        for reason in shown.reasons[line.code].lines
    }
    for pair, count in leaves.items():
        assert count.hidden or count.value == cells[pair]
        assert not (1 <= cells[pair] <= 10) or count.hidden
    hidden = [pair for pair, count in leaves.items() if count.hidden]
    if shown.outcome.total.value is not None:
        assert len(hidden) != 1, "the total would tell it"
    for line in shown.outcome.lines:
        inside = [pair for pair in hidden if pair[0] == line.code]
        assert line.count.hidden or not inside, "a sum would narrow it down"


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_group_is_hidden_when_those_outside_of_it_are_few(number: int, outside: int) -> None:
    shown = part_of(number, number + outside)
    assert shown.hidden is (1 <= number <= 10 or 1 <= outside <= 10)


def test_every_status_and_reason_has_words() -> None:
    assert set(STATUSES) == {status.value for status in Status if status not in IN_FLIGHT} | {
        "in_flight"
    }
    settling = {"recipient_gone", "mailbox_full", "policy", "content", "no_such_domain"}
    settling |= {"takes_no_mail", "no_starttls", "certificate_expired", "lost_after_content"}
    assert settling <= set(SENTENCES)
    assert settling <= set(REASONS)
    assert {f"bounced_{kind}" for kind in Kind} <= set(REASONS)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.text(min_size=1, max_size=5))
def test_the_digest_changes_with_anything(parts: dict[str, str], extra: str) -> None:
    digest = approval_digest(parts)
    assert digest == approval_digest(dict(reversed(parts.items())))
    for key in parts:
        assert approval_digest(parts | {key: parts[key] + extra}) != digest


def test_a_second_person_is_somebody_else() -> None:
    from uuid import uuid4

    one, two = uuid4(), uuid4()
    assert rules.may_decide(one, {two})
    assert not rules.may_decide(one, {one, two})
