"""Purposes, authorizations, suppressions, and the decision whether a message may go."""
