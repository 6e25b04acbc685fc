"""The JSON API: each function takes the app and a request and returns an answer, and its document is made from them.

What is in one module is imported together, so what a cold start may have to answer has a light one of its own.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])


def refuses(*answers: str) -> Callable[[Handler], Handler]:
    """Say what a handler may refuse with, beside what follows from its route: each as "STATUS code"."""

    def note(function: Handler) -> Handler:
        function.__dict__["refuses"] = answers
        return function

    return note
