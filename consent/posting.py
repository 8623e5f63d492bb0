"""What consent needs of delivery, which registers it here: consent must not import it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

CanPost = Callable[[], bool]
SendCopy = Callable[[UUID], bool]

_can_post: list[CanPost] = []
_send_copy: list[SendCopy] = []
NO_SENDER = (
    "Your organization has no sender whose domain is ready. An administrator sees on the page"
    " Senders what is missing."
)


def register_posting(can_post: CanPost, send_copy: SendCopy) -> None:
    """`can_post` says whether the organization has a sender that is ready; `send_copy` puts the
    signed copy of an authorization on its way, in the caller's transaction, and says whether it
    could."""
    _can_post.append(can_post)
    _send_copy.append(send_copy)


def can_post() -> bool:
    """Whether letters can be sent at all."""
    return any(each() for each in _can_post)


def send_copy(authorization_id: UUID) -> bool:
    """Put a signed copy on its way to its signer (45 CFR 164.508(c)(4)).

    Whether it arrived is written down later: `copy_given_at`, or an alert. Runs inside `acting_for`
    with the signature, so that neither is there without the other.
    """
    return any(each(authorization_id) for each in _send_copy)
