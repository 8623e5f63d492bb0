"""Promise 3: nobody lost, nobody twice, when a worker is killed in the middle of a batch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from delivery import queries
from delivery.models import Batch
from delivery.rules import MailingStatus, Status
from tenancy.current import acting_for
from tests.post import Post

PEOPLE = 150
WORKER = """
import django; django.setup()
from delivery import queries
from delivery.services import sending
for due in queries.due_batches(10):
    sending.send_batch(*due)
"""


def worker_environment(database: str) -> dict[str, str]:
    """What a worker process needs to work on this test's database and mail servers."""
    db = settings.DATABASES["default"]
    address = f"{db['USER']}:{db['PASSWORD']}@{db['HOST']}:{db['PORT']}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"postgres://{address}/{database}",
        "MASTER_KEY": settings.MASTER_KEY,
        "SMTP_PORT": str(settings.SMTP_PORT),
        "SMTP_CA_FILE": settings.SMTP_CA_FILE,
        "MAIL_RESOLVERS": ",".join(settings.MAIL_RESOLVERS),
        "MAIL_ALLOWED_NETWORKS": ",".join(settings.MAIL_ALLOWED_NETWORKS),
        "AUDIT_ANCHOR_FOLDER": str(settings.AUDIT_ANCHOR_FOLDER),
    }


@pytest.mark.parametrize("killed_after", [1, 60])
def test_every_recipient_is_accounted_for_and_none_gets_two(
    post: Post, own_database: str, killed_after: int
) -> None:
    addresses = [f"p{number}@riverside-mail.test" for number in range(PEOPLE)]
    mailing = post.mailing(*addresses)
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        env=worker_environment(own_database),
        cwd=Path(settings.BASE_DIR),
    )
    deadline = time.monotonic() + 60
    while len(post.world.store.recent(PEOPLE)) < killed_after and time.monotonic() < deadline:
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert len(post.world.store.recent(PEOPLE)) < PEOPLE, "the worker was faster than the test"

    with acting_for(post.organization.id):
        Batch.objects.update(lease_until=timezone.now())  # its lease runs out
    post.send()

    received = Counter(mail.recipient for mail in post.world.store.recent(2 * PEOPLE))
    assert max(received.values()) == 1
    statuses = post.statuses()
    for address in addresses:
        if statuses[address] == Status.ACCEPTED:
            assert received[address] == 1
        else:
            assert statuses[address] == Status.UNCERTAIN
    uncertain = sum(1 for status in statuses.values() if status == Status.UNCERTAIN)
    assert uncertain <= 2 * settings.SMTP_CONNECTIONS_PER_HOST
    with acting_for(post.organization.id):
        mailing.refresh_from_db()
        assert queries.progress(mailing.id).total == mailing.audience == PEOPLE
    assert mailing.status == MailingStatus.FINISHED
