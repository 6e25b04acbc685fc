"""The service, and the command line that speaks to it."""

__version__ = "0.1.0"
