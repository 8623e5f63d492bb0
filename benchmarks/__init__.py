"""Programs that measure what the documentation promises. Each prints one JSON line at its end."""
