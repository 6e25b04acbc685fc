"""The public keys that certificates and checkpoints are checked with, for anyone."""

from shared.deployment import signing
from shared.flows.app import App
from shared.web.http import Json, Request, as_json


async def published(app: App, _request: Request) -> Json[dict[str, list[dict[str, str]]]]:
    """Every public key that this deployment has ever signed with, as a JSON Web Key Set (RFC 7517)."""
    return as_json(await signing.published(app.database, app.seal))
