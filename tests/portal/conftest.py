"""The portal's tests use a post room: patients come with links out of real mail."""

from tests.post import post, post_settings

__all__ = ["post", "post_settings"]
