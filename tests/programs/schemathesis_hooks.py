"""What schemathesis, in the environment that it runs in, does not know by itself: how a message is sent."""

from typing import Any

import schemathesis


@schemathesis.serializer("message/rfc822")
def message(_context: Any, value: Any) -> bytes:
    """A message as it is; whatever else it made up, as text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
