"""What patients see: pickup, unsubscribe, and the targets of links in mail."""
