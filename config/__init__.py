"""Settings, URLs, the queue, and embedded services for one machine."""
