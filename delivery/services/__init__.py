"""Writes of delivery: making and steering mailings, sending batches, recording events."""
