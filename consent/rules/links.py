"""Purposes of links that lead to consent's own rows, as they stand in addresses."""

SIGN = "sign"
SIGN_MAILED = "sign_mailed"
"""The same page by the link in a letter: whoever has it has the mailbox. Only in the token."""
CONFIRM = "confirm"
