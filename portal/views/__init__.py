"""Pages for whoever holds a link out of a mail. They need neither a log-in nor JavaScript."""
