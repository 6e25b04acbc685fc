"""The API's own description."""

from typing import Any

from shared.flows.app import App
from shared.web.http import Json, Request


async def document(app: App, _request: Request) -> Json[dict[str, Any]]:
    """This description of the API (OpenAPI 3.1)."""
    # What it takes to describe everything is imported only where somebody asks for it.
    from shared.web import openapi, sessions

    cookie, software = sessions.cleared(app).partition("=")[0], app.settings.brand.software
    return openapi.answer(app.settings.public_url, tuple(app.platforms), cookie, software)
