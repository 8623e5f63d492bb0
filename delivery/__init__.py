"""Mailings, messages, routing, transports and tracking. Knows no campaign."""
