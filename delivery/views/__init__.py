"""Delivery's pages for staff."""
