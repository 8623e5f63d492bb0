"""Fixtures of the mail tests alone."""

from tests.mail.signed import signed_world as signed_world
