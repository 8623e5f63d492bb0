"""Delivery's tests use a post room."""

from tests.post import post, post_settings

__all__ = ["post", "post_settings"]
