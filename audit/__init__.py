"""The append-only log of what was done, to what, by whom, chained so that a change shows."""
