"""What differs between two images of an object, as lines that people read. Pure."""

import json
from collections.abc import Mapping
from typing import Any

Image = Mapping[str, Any]
Line = tuple[str, str | None, str | None]
"""A setting, as it was and as it is; None where it was not, or is not any more."""
# More is for the exports, which have all of it.
MAX_LINES, MAX_VALUE_CHARS = 10, 160


def differences(before: Image | None, after: Image | None) -> tuple[list[Line], int]:
    """Each setting that differs, and how many more than can be shown there are."""
    was, now = before or {}, after or {}
    names = [name for name in {**was, **now} if _value(was, name) != _value(now, name)]
    lines = [(name, _text(was, name), _text(now, name)) for name in names[:MAX_LINES]]
    return lines, len(names) - len(lines)


def _value(image: Image, name: str) -> Any:
    # What was not there at all differs from what was there and empty.
    return (image[name],) if name in image else None


def _text(image: Image, name: str) -> str | None:
    if name not in image:
        return None
    value = image[name]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"
