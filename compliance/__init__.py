"""What spans the apps: the privacy officer's dashboard, alerts and integrity checks."""
