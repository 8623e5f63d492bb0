"""Pages of contacts: imports, people and segments."""
