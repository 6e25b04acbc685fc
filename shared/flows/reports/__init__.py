"""Scheduled reports: which are due, what is in them, how they look, to whom they go."""
