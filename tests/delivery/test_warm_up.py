"""A new domain begins with a few hundred messages a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from delivery import queries
from delivery.models import Batch, SenderDomain, SentOfDay
from delivery.rules import Status
from delivery.services import mailings, warming
from delivery.warm_up import ENOUGH, FIRST_DAY, GROWTH, Day, allowance
from tenancy.current import acting_for
from tests.post import Post

counts = st.integers(0, 100_000)
days = st.lists(st.builds(Day, counts, counts, counts), max_size=40)


@given(days)
def test_a_day_allows_at_most_half_as_many_again(before: list[Day]) -> None:
    earlier, today = allowance(before[:-1]), allowance(before)
    if today is not None:
        assert FIRST_DAY <= today < ENOUGH
        assert earlier is not None
        assert today <= earlier * GROWTH + 1


def test_trouble_holds_the_number_and_good_days_end_the_plan() -> None:
    assert allowance([]) == FIRST_DAY
    assert allowance([Day(200)]) == 300
    assert allowance([Day(200, deferred=40)]) == FIRST_DAY
    assert allowance([Day(2_000, complained=3)]) == FIRST_DAY
    assert allowance([Day(0)]) == FIRST_DAY
    assert allowance([Day(10_000)] * 14) is None


def test_what_is_left_of_the_day_is_given_once(post: Post) -> None:
    now = timezone.now()
    with acting_for(post.organization.id):
        domain = SenderDomain.objects.create(
            name="riverside.test",
            bounce_domain="bounces.riverside.test",
            warm_up_from=now.date() - timedelta(days=1),
        )
        assert warming.reserve(domain, "google", 150, now) == 150
        assert warming.reserve(domain, "google", 150, now) == 50
        assert warming.reserve(domain, "google", 150, now) == 0
        assert warming.reserve(domain, "yahoo", 150, now) == 150
        assert warming.reserve(domain, "google", 500, now + timedelta(days=1)) == 300


def test_the_rest_of_a_mailing_waits_for_the_next_day(post: Post) -> None:
    addresses = [f"p{number}@riverside-mail.test" for number in range(3)]
    mailing = post.mailing(*addresses)
    now = timezone.now()
    with acting_for(post.organization.id):
        domain = mailing.sender.domain
        domain.warm_up_from = now.date() - timedelta(days=1)
        domain.save()
        warming.reserve(domain, "", FIRST_DAY - 2, now)
    post.send()
    with acting_for(post.organization.id):
        progress = queries.progress(mailing.id)
        due: datetime = Batch.objects.get().due_at
        assert SentOfDay.objects.get().sent == FIRST_DAY
    assert (progress.by_status[Status.ACCEPTED], progress.by_status[Status.QUEUED]) == (2, 1)
    assert due > now
    with acting_for(post.organization.id):
        mailings.stop(mailing.id)
