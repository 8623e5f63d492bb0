"""Promise 2: TLS that was there at the look-up and is gone at the sending leads to the portal."""

from __future__ import annotations

from delivery.rules import Status
from tests.post import DIAGNOSIS, Post

STRIPPED = "lost-tls.test"
"""Its server offers STARTTLS on the first connection only, so it is for this test alone."""


def test_no_byte_of_content_leaves_in_clear(post: Post) -> None:
    first, second = f"a@{STRIPPED}", f"b@{STRIPPED}"
    post.mailing(first)
    post.send()
    assert post.message(first).status == Status.ACCEPTED, "TLS was there at first"
    post.mailing(second)
    post.send()
    message = post.message(second)
    assert (message.status, message.route) == (Status.IN_PORTAL, "portal")
    assert message.reason == "no_starttls"
    clear = b"".join(
        session.clear_bytes for session in post.world.store.sessions(f"mx1.{STRIPPED}")
    )
    assert b"secure message" in clear.replace(b"=\r\n", b""), "the notice did go in clear"
    assert DIAGNOSIS.encode() not in clear.lower()
    assert b"flu shots" not in clear.lower()
