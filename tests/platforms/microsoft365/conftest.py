"""What speaks to Microsoft's hosts is tested before hosts that say what a test tells them."""

from tests.harness.scripted_host_fixtures import authority, ca_file, clock, host, login, other, wire

__all__ = ["authority", "ca_file", "clock", "host", "login", "other", "wire"]
