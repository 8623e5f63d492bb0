"""Promise 2: TLS that was there at the look-up and is gone at the sending leads to the portal."""

from __future__ import annotations

import time

from delivery.rules import Status
from delivery.services import sending
from tests.post import DIAGNOSIS, Post

STRIPPED = "lost-tls.test"
"""Its server offers STARTTLS on the first connection only, so it is for this test alone."""


def said_in_clear(post: Post) -> bytes:
    """By the client, in every connection; the server writes each down once it has ended."""
    for _ in range(100):
        sessions = post.world.store.sessions(f"mx1.{STRIPPED}")
        if sessions and b"RCPT" in sessions[-1].clear_bytes:
            break
        time.sleep(0.02)
    return b"".join(session.clear_bytes for session in sessions)


def test_no_byte_of_content_leaves_in_clear(post: Post) -> None:
    first, second = f"a@{STRIPPED}", f"b@{STRIPPED}"
    post.mailing(first)
    post.send()
    assert post.message(first).status == Status.ACCEPTED, "TLS was there at first"
    sending.dispatcher().close_idle()
    post.mailing(second)
    post.send()
    message = post.message(second)
    assert (message.status, message.route) == (Status.IN_PORTAL, "portal")
    assert message.reason == "no_starttls"
    sending.dispatcher().close_idle()
    clear = said_in_clear(post)
    assert b"secure message" in clear.replace(b"=\r\n", b""), "the notice did go in clear"
    assert DIAGNOSIS.encode() not in clear.lower()
    assert b"flu shots" not in clear.lower()
