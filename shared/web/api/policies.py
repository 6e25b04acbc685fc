"""The policies of a connection. A change names the state of the policy that its author has seen."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.flows import policies
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.protection import policies as stored
from shared.protection.policies import Policy
from shared.protection.trial import Trial
from shared.web.api import refuses
from shared.web.http import Created, Json, Nothing, Request, as_json, created, etag
from shared.web.preconditions import Precondition
from shared.web.second_person import agreed


class PolicyList(TypedDict):
    """Every policy of a connection, in the order in which they decide."""

    policies: list[Policy]
    etags: Annotated[dict[str, str], Field(description="of each by its name, for If-Match")]


class TrialFinding(TypedDict):
    """One reason why a message matches. Nothing of the message is in it but hosts and types."""

    kind: Annotated[str, Field(description="the condition")]
    why: str
    where: Annotated[str, Field(description="in the message: a header, a part, the text")]
    compared: Annotated[str, Field(description="what was held against what")]


class TrialResult(TypedDict):
    """What a policy would do to one message."""

    policy: str
    meant: Annotated[bool, Field(description="whether its conditions are met")]
    actions: Annotated[list[str], Field(description="what would be done")]
    findings: list[TrialFinding]
    incomplete: Annotated[list[str], Field(description="what could not be checked, and why")]


async def list_policies(app: App, request: Request) -> Json[PolicyList]:
    """The connection's policies, in the order in which they apply, each with its ETag."""
    listed = await stored.listed(app.database, request.connection.id)
    return as_json({"policies": listed, "etags": {policy.name: etag(policy) for policy in listed}})


@refuses("404 no_such_policy")
async def get_policy(app: App, request: Request) -> Json[Policy]:
    """One policy."""
    policy = await stored.find(app.database, request.connection.id, request.args["name"])
    if policy is None:
        raise policies.no_such(request.args["name"])
    return as_json(policy)


@refuses(
    "400 not_possible_here",
    "400 no_scanner",
    "400 until_is_past",
    "403 administrators_only",
    "409 too_many_policies",
    "409 being_revoked",
    "409 second_person_needed",
)
async def put_policy(app: App, request: Request, body: Policy, seen: Precondition) -> Json[Policy] | Created[Policy]:
    """Create or replace a policy; the tenant is updated at once."""
    if body.name != request.args["name"]:
        raise Refused(400, "not_valid", "name: differs from the name in the address.")
    if body.takes_everyones_mail:
        await agreed(app, request, f"policy “{body.name}” takes everyone's mail")
    new = await policies.put(app, request.connection, body, seen, request.actor.name)
    return created(body) if new else as_json(body)


@refuses("400 not_possible_here", "404 no_such_policy", "415 not_a_message")
async def try_policy(app: App, request: Request, body: bytes) -> Json[TrialResult]:
    """What a policy would do to a message, which is sent as it is: nothing is done and nothing is kept."""
    policy, trial = await policies.tried(app, request.connection, request.args["name"], body)
    return as_json(result(policy, trial))


def result(policy: Policy, trial: Trial) -> TrialResult:
    """A trial as it is shown."""
    return {
        "policy": policy.name,
        "meant": trial.meant,
        "actions": list(policy.actions) if trial.meant else [],
        "findings": [
            {"kind": one.kind, "why": one.why, "where": one.where, "compared": one.compared} for one in trial.findings
        ],
        "incomplete": [one.why for one in trial.incomplete],
    }


@refuses("404 no_such_policy", "409 being_revoked")
async def delete_policy(app: App, request: Request, seen: Precondition) -> Nothing:
    """Delete a policy; the tenant is updated at once."""
    await policies.delete(app, request.connection, request.args["name"], seen, request.actor.name)
    return Nothing(status=204)
