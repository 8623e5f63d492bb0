"""Bounces in a mailbox, on a real Dovecot over verified TLS."""

from __future__ import annotations

import getpass
import imaplib
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django import Settings

from config.demo.world.certificates import Authority, Condition
from config.embedded.state import free_port
from delivery import tasks
from delivery.rules import Status
from delivery.services.bounce_mailbox import MailboxUnusable, poll
from tests.delivery.bounces import samples
from tests.delivery.test_bounces import ANN, Returns, returned_headers
from tests.post import Post
from tests.programs import skip_unless_required

PASSWORD = "p@ss/word"
NOBODY = 65534
DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin")
CONFIGURATION = """
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{certificate}
mail_location = maildir:{folder}/mail
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
namespace inbox {{
  inbox = yes
}}
"""


@dataclass
class Mailbox:
    folder: Path
    port: int
    ca: Path

    @property
    def url(self) -> str:
        return f"imaps://bounces%40riverside.test:p%40ss%2Fword@localhost:{self.port}/INBOX"

    def connection(self) -> imaplib.IMAP4_SSL:
        context = ssl.create_default_context(cafile=self.ca)
        server = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=context)
        server.login("bounces@riverside.test", PASSWORD)
        return server

    def deliver(self, *mails: bytes) -> None:
        with self.connection() as server:
            for mail in mails:
                assert server.append("INBOX", "", "", mail)[0] == "OK"

    def holds(self, folder: str = "INBOX") -> list[bytes]:
        with self.connection() as server:
            if server.select(f'"{folder}"', readonly=True)[0] != "OK":
                return []
            (found,) = server.search(None, "ALL")[1]
            return [server.fetch(each.decode(), "(RFC822)")[1][0][1] for each in found.split()]


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """An empty mailbox; skipped where Dovecot is missing."""
    if DOVECOT is None:
        skip_unless_required("Dovecot is not installed: no mailbox to take bounces from")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    root = os.geteuid() == 0
    if root:
        os.chown(folder / "mail", NOBODY, NOBODY)
    authority, port = Authority(folder / "ca"), free_port()
    user = "dovecot" if root else getpass.getuser()
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            user=user,
            group=user,
            certificate=authority.issue("localhost", Condition.GOOD),
            port=port,
            password=PASSWORD,
            uid=NOBODY if root else os.geteuid(),
            gid=NOBODY if root else os.getegid(),
        )
    )
    process = subprocess.Popen([DOVECOT, "-F", "-c", configuration])
    box = Mailbox(folder, port, authority.ca_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_path))
    try:
        _wait_for(box)
        yield box
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(box: Mailbox) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            box.connection().logout()
        except OSError:
            assert time.monotonic() < deadline, (box.folder / "dovecot.log").read_text()
            time.sleep(0.05)
        else:
            return


def delivered(raw: bytes, to: str) -> bytes:
    """A mail as the operator's server puts it into the mailbox."""
    return f"Return-Path: <>\r\nDelivered-To: {to}\r\n".encode() + raw


def test_what_is_understood_is_applied_and_goes_and_the_rest_is_put_aside(
    post: Post, mailbox: Mailbox
) -> None:
    returns = Returns(post, ANN)
    letter, forged = samples.letter_of_a_person(ANN), samples.postfix(ANN)
    mailbox.deliver(
        delivered(samples.dsn(ANN, "4.4.1", "delayed"), returns.path()),
        letter,
        delivered(samples.postfix(ANN), returns.path()),
        samples.complaint(returned_headers(returns)),
        forged,
    )
    assert poll(mailbox.url) == 5
    assert mailbox.holds() == []
    assert mailbox.holds("Not understood") == [letter, forged]
    assert returns.settled() == (Status.FAILED, "bounced_recipient_gone")
    assert returns.events() == [
        ("delayed", ""),
        ("bounced", "recipient_gone"),
        ("complained", "abuse"),
    ]
    assert returns.suppressed() == ["bounced", "complained"]
    assert poll(mailbox.url) == 0


def test_where_no_folder_can_be_made_the_rest_is_flagged(post: Post, mailbox: Mailbox) -> None:
    letter = samples.letter_of_a_person(ANN)
    mailbox.deliver(letter)
    with mailbox.connection() as server:  # a folder of that name, which nothing can be put into
        server.create('"Not understood/x"')
        server.delete('"Not understood/x"')
    (mailbox.folder / "mail" / ".Not understood").write_text("in the way")
    assert poll(mailbox.url) == 1
    assert mailbox.holds() == [letter]
    assert poll(mailbox.url) == 0


def test_a_server_that_proves_nothing_gets_no_password(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(MailboxUnusable, match="SSLCertVerificationError"):
        poll(mailbox.url)
    log = (mailbox.folder / "dovecot.log").read_text()
    assert "Login: user=<bounces@riverside.test>" in log, "the test's own, when it waited"
    assert log.count("Login:") == 1


def test_an_unusable_mailbox_is_reported_in_constant_words(mailbox: Mailbox) -> None:
    with pytest.raises(MailboxUnusable, match=r"^error$"):
        poll(mailbox.url.replace("p%40ss", "wrong"))
    with pytest.raises(MailboxUnusable, match=r"^select$"):
        poll(mailbox.url.replace("INBOX", "Elsewhere"))


def test_one_poll_runs_at_a_time(post: Post, mailbox: Mailbox, settings: Settings) -> None:
    settings.BOUNCE_MAILBOX_URL = mailbox.url
    returns = Returns(post, ANN)
    mailbox.deliver(delivered(samples.postfix(ANN), returns.path()))
    cache.set(tasks.POLLING, 1, 60)
    tasks.poll_bounces()
    assert returns.settled() == (Status.ACCEPTED, "")
    cache.delete(tasks.POLLING)
    tasks.poll_bounces()
    assert returns.settled() == (Status.FAILED, "bounced_recipient_gone")
    assert cache.get(tasks.POLLING) is None
