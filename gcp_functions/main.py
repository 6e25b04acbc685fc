"""Google Cloud Functions: the same app behind one HTTP function. Translates, and nothing else.

On one machine functions-framework serves this very module.
"""

from functools import cache

import functions_framework.aio
from starlette.requests import Request as Incoming
from starlette.responses import Response as Outgoing

from shared.platform import App
from shared.service import build
from shared.settings import Settings
from shared.web.messages import Request
from shared.web.routes import answer


@cache
def app() -> App:
    """The app of this process, built at the first request."""
    return build(Settings())


@functions_framework.aio.http
async def http(incoming: Incoming) -> Outgoing:
    """Every route."""
    request = Request(
        method=incoming.method,
        path=incoming.url.path,
        query=dict(incoming.query_params),
        headers={name.lower(): value for name, value in incoming.headers.items()},
        body=await incoming.body(),
    )
    response = await answer(app(), request)
    return Outgoing(response.body, response.status, dict(response.headers))
