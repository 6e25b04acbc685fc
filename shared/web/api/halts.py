"""The kill switch: halts are listed, made and lifted."""

from typing import Annotated

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from shared.connections import halts
from shared.connections.halts import SCOPE, Halt
from shared.flows import grant, halting
from shared.flows.access import found
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.foundation.schedule import Site
from shared.web.api import refuses
from shared.web.http import Json, Nothing, Request, Strict, as_json
from shared.web.schema import When, example


class NewHalt(Strict):
    """Why everything stops, and whether what is sealed shall never open again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"why": "a stolen laptop", "destroy": False}]})

    why: str = Field(min_length=1, max_length=200, pattern=grant.LINE, description="goes to the ledgers and the log")
    destroy: bool = Field(
        default=False,
        description="destroy the data keys too: stored tokens, grants, quarantine and exports never open again, and "
        "what stands in the tenants can only be removed by their administrators",
    )


@example(
    {
        "scope": "site:eu",
        "at": "2026-03-02T09:30:00+00:00",
        "actor": "anna",
        "why": "a stolen laptop",
        "destroyed": False,
    }
)
class HaltView(TypedDict):
    """A halt as it stands."""

    scope: str
    at: When
    actor: str
    why: str
    destroyed: bool


class HaltList(TypedDict):
    """Every halt that the account may see."""

    halts: list[HaltView]


class HaltingView(TypedDict):
    """What a halt did, beside stopping everything before its next call to a platform."""

    connections: int
    left_to_workers: Annotated[int, Field(description="connections whose grants the workers revoke now")]
    given_back: int
    not_given_back: int
    keys_destroyed: int


def halt_view(halt: Halt) -> HaltView:
    """A halt in JSON."""
    return {
        "scope": halt.scope,
        "at": halt.at.isoformat(),
        "actor": halt.actor,
        "why": halt.why,
        "destroyed": halt.destroyed,
    }


async def every(app: App, request: Request) -> Json[HaltList]:
    """List the halts that stand. An account of one customer sees those of that one's connections."""
    seen = []
    for halt in await halts.standing(app.database):
        try:
            await _allowed(app, request, halt.scope)
        except Refused:
            continue
        seen.append(halt_view(halt))
    return as_json({"halts": seen})


@refuses("403 another_customer", "404 no_such_scope", "404 no_such_connection")
async def put(app: App, request: Request, body: NewHalt) -> Json[HaltingView]:
    """Halt a connection (`connection:ID`), a site (`site:eu`) or `everything`, before its next call to a platform.

    Queued work is refused, grants are revoked where a platform can do that, and stored tokens are deleted.
    """
    scope = await _allowed(app, request, request.args["scope"])
    done = await halting.halt(app, scope, request.actor.name, body.why, destroy=body.destroy)
    told: HaltingView = {
        "connections": done.connections,
        "left_to_workers": done.left_to_workers,
        "given_back": done.given_back,
        "not_given_back": done.not_given_back,
        "keys_destroyed": done.keys_destroyed,
    }
    return as_json(told)


@refuses("403 another_customer", "404 no_such_scope", "404 no_such_connection", "404 no_such_halt")
async def lift(app: App, request: Request) -> Nothing:
    """Lift a halt. Its connections are taken up again within minutes; one whose grant is gone asks for consent."""
    await halting.lift(app, await _allowed(app, request, request.args["scope"]), request.actor.name)
    return Nothing(status=204)


async def _allowed(app: App, request: Request, scope: str) -> str:
    """A scope that the caller may halt. Raises Refused."""
    kind, _, name = scope.partition(":")
    if not SCOPE.fullmatch(scope) or (kind == "site" and name not in list(Site)):
        raise Refused(404, "no_such_scope", "A scope is `everything`, `site:` and a site, or `connection:` and an id.")
    if kind == "connection":
        await found(app, name, request.actor.customer)
    elif request.actor.customer is not None:
        raise Refused(403, "another_customer", "You halt connections of your own customer only.")
    return scope
