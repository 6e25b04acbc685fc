"""The command line: a client of the HTTP API, which knows nothing else of the service.

What is asked for goes to standard output, what is said about it to standard error. A module that only one command
needs is imported by that command.
"""
