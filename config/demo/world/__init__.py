"""Mail servers and DNS on loopback that behave like the world: well, badly and oddly."""
