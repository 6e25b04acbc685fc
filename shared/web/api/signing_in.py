"""How the command line signs in: where, and as which client."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.api import refuses
from shared.web.http import Json, Request, as_json


class SignIn(TypedDict):
    """Where the command line signs in. None of it is a secret."""

    issuer: Annotated[str, Field(description="address of the OpenID Connect issuer")]
    client_id: Annotated[str, Field(description="the command line's client id, a public client's")]
    scope: str


@refuses("404 no_sign_in")
async def how(app: App, _request: Request) -> Json[SignIn]:
    """Where and as which client a program signs in for a person, by a device code (RFC 8628)."""
    operators = app.settings.operators
    if not operators.cli_client_id:
        raise Refused(
            404, "no_sign_in", "This deployment's issuer knows no command line. Set FOOTPRINT_TOKEN to a token of it."
        )
    found: SignIn = {
        "issuer": operators.issuer,
        "client_id": operators.cli_client_id,
        "scope": operators.cli_scope,
    }
    return as_json(found)
