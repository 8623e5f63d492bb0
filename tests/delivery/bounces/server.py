"""The command that takes bounces, in a process of its own, and a client that talks LMTP to it."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from tests.delivery.test_killed_worker import worker_environment


@contextmanager
def receiver(database: str, log: Path) -> Iterator[tuple[str, int]]:
    """`manage.py receive_bounces` on a port of its choice; its log goes to a file."""
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "receive_bounces", "--listen", "127.0.0.1:0"],
            env={**os.environ, **worker_environment(database), "LOG_LEVEL": "DEBUG"},
            cwd=Path(settings.BASE_DIR),
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline().split()
            assert said, log.read_text()
            yield "127.0.0.1", int(said[-1].rstrip(".").rpartition(":")[2])
        finally:
            process.terminate()
            process.wait(30)
            process.communicate()
    assert process.returncode == 0


class Lmtp(smtplib.LMTP):
    """A client that says what was answered."""

    def deliver(self, recipient: str, content: bytes, sender: str = "") -> int:
        """The code that decided: of the recipient, or of the content."""
        self.ehlo_or_helo_if_needed()
        assert self.mail(sender)[0] == 250
        code = self.rcpt(recipient)[0]
        if code == 250:
            return self.data(content)[0]  # which ends the transaction, whatever the answer
        self.rset()
        return code
