"""The policies of a connection."""

from shared import policies as stored
from shared.app import App
from shared.errors import Refused
from shared.handlers import policies
from shared.handlers.overview import found
from shared.policies import Policy
from shared.web.messages import Request, Response, as_json


async def list_policies(app: App, request: Request) -> Response:
    """The connection's policies."""
    connection = await found(app, request.args["id"])
    policies_now = await stored.listed(app.database, connection.id)
    return as_json({"policies": [policy.model_dump() for policy in policies_now]})


async def put_policy(app: App, request: Request) -> Response:
    """Create or replace a policy."""
    connection = await found(app, request.args["id"])
    policy = request.model(Policy)
    if policy.name != request.args["name"]:
        raise Refused(400, "not_valid", "name: differs from the name in the address.")
    await policies.put(app, connection, policy)
    return as_json(policy.model_dump())


async def delete_policy(app: App, request: Request) -> Response:
    """Delete a policy."""
    connection = await found(app, request.args["id"])
    await policies.delete(app, connection, request.args["name"])
    return Response(status=204)
