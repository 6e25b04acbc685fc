"""Whose request is being answered, so that the ledger has the account beside the name."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# A context variable, so that no entry can forget whose request it belongs to.
_account: ContextVar[str | None] = ContextVar("account", default=None)


@contextmanager
def acting(subject: str) -> Iterator[None]:
    """Inside the block what somebody is said to have done, this account did."""
    before = _account.set(subject)
    try:
        yield
    finally:
        _account.reset(before)


def account() -> str | None:
    """The account whose request this is; None for the service itself, and for those who have none."""
    return _account.get()
