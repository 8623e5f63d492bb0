"""Users, memberships and roles, second factor, sessions."""
