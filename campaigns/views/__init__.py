"""Pages below `/o/<organization>/`."""
