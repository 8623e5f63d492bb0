"""Sealing, blind index and public tokens. Pure cryptography: no Django, no rows, no settings."""
