"""Organizations, the current organization, its keys, and row-level security."""
