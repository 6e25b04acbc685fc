"""The style sheet, the script and the icon: their address changes with what is in them, so browsers may keep them."""

import hashlib
from functools import cache
from pathlib import Path

from shared.flows.app import App
from shared.web.compression import packed
from shared.web.http import Request, Response

TEMPLATES = Path(__file__).parents[1] / "templates"
STYLE, SCRIPT, ICON = "style.css", "console.js", "icon.svg"
MEDIA = {STYLE: "text/css; charset=utf-8", SCRIPT: "text/javascript; charset=utf-8", ICON: "image/svg+xml"}


async def style(_app: App, request: Request) -> Response:
    """The one style sheet."""
    return _file(STYLE, request)


async def script(_app: App, request: Request) -> Response:
    """The one script: it keeps a page up to date, fetches what takes long, and copies."""
    return _file(SCRIPT, request)


async def icon(_app: App, request: Request) -> Response:
    """The icon of a tab."""
    return _file(ICON, request)


def address(name: str) -> str:
    """Where a file is, as it is now."""
    return f"/{name}?v={_read(name)[1]}"


def _file(name: str, request: Request) -> Response:
    content, digest = _read(name)
    # Under another digest, or none, somebody may be given tomorrow's file.
    kept = "public, max-age=31536000, immutable" if request.query.get("v") == digest else "no-cache"
    headers = {
        "Content-Type": MEDIA[name],
        "Cache-Control": kept,
        "ETag": f'"{digest}"',
        "X-Content-Type-Options": "nosniff",
    }
    return packed(request, Response(headers=headers, body=content))


@cache
def _read(name: str) -> tuple[bytes, str]:
    content = (TEMPLATES / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]
