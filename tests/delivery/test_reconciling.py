"""Promise 3, looked at by a job: what doesn't add up is told."""

from __future__ import annotations

from datetime import timedelta

from django.db import connections
from django.utils import timezone

from consent.models import Alert
from delivery.models import Batch
from delivery.rules import LEASE
from delivery.services.reconciling import check_accounts
from tenancy.current import acting_for
from tests.post import Post

ANN, BOB = "ann@riverside-mail.test", "bob@riverside-mail.test"


def test_a_mailing_that_adds_up_alerts_nobody(post: Post) -> None:
    post.mailing(ANN, BOB)
    post.send()
    with acting_for(post.organization.id):
        assert check_accounts(timezone.now()) == []
        assert not Alert.objects.exists()


def test_a_row_that_is_gone_is_found(post: Post) -> None:
    mailing = post.mailing(ANN, BOB)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "DELETE FROM delivery_message WHERE id = (SELECT id FROM delivery_message LIMIT 1)"
        )
    connections["owner"].close()
    with acting_for(post.organization.id):
        assert check_accounts(timezone.now()) == [mailing.id]
        assert check_accounts(timezone.now()) == [mailing.id]
        assert Alert.objects.get().kind == "sum_wrong", "one alert until it is seen to"


def test_a_lease_that_nobody_takes_over_is_found(post: Post) -> None:
    mailing = post.mailing(ANN)
    now = timezone.now()
    with acting_for(post.organization.id):
        Batch.objects.update(lease_until=now - 3 * LEASE)
        assert check_accounts(now) == [mailing.id]
        assert check_accounts(now - 3 * LEASE + timedelta(minutes=1)) == []
