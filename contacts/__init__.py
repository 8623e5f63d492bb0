"""People with sealed profiles, imports, and segments over them."""
