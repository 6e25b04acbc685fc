"""The policies of a connection. Whoever changes one says which state of it they have seen."""

from shared import policies as stored
from shared.app import App
from shared.errors import Refused
from shared.handlers import policies
from shared.handlers.overview import found
from shared.policies import Policy
from shared.web.etags import etag, precondition
from shared.web.messages import Request, Response, as_json


async def list_policies(app: App, request: Request) -> Response:
    """The connection's policies, in the order in which they decide, each with its tag."""
    connection = await found(app, request.args["id"])
    now = [policy.model_dump(mode="json") for policy in await stored.listed(app.database, connection.id)]
    return as_json({"policies": now, "etags": {policy["name"]: etag(policy) for policy in now}})


async def get_policy(app: App, request: Request) -> Response:
    """One policy."""
    connection = await found(app, request.args["id"])
    policy = await stored.find(app.database, connection.id, request.args["name"])
    if policy is None:
        raise policies.no_such(request.args["name"])
    return _with_tag(policy)


async def put_policy(app: App, request: Request) -> Response:
    """Create or replace a policy."""
    connection = await found(app, request.args["id"])
    policy = request.model(Policy)
    if policy.name != request.args["name"]:
        raise Refused(400, "not_valid", "name: differs from the name in the address.")
    new = await policies.put(app, connection, policy, precondition(request))
    return _with_tag(policy, 201 if new else 200)


async def delete_policy(app: App, request: Request) -> Response:
    """Delete a policy."""
    connection = await found(app, request.args["id"])
    await policies.delete(app, connection, request.args["name"], precondition(request))
    return Response(status=204)


def _with_tag(policy: Policy, status: int = 200) -> Response:
    content = policy.model_dump(mode="json")
    return as_json(content, status, ETag=etag(content))
