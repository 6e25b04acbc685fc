"""Where Google's build looks for the entry points; at the root of the archive only."""

from gcp_functions.main import http, job, schedule

__all__ = ["http", "job", "schedule"]
