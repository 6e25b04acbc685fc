"""Witnesses: who cosigns our checkpoints. An account of one customer sees and names those of its customer only."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from shared.flows import grant, witnesses
from shared.flows.app import App
from shared.flows.witnesses import Witness
from shared.foundation.errors import Refused
from shared.web.api import refuses
from shared.web.http import Created, Json, Nothing, Request, Strict, as_json, created
from shared.web.schema import When, example

KEY = "witness.example.com/w1+ec4fabaa+BBIxkVHpjRp+xtHU4pxjWW9N1oVCnZu6PT2rnLBJRkUG"


class NewWitness(Strict):
    """Who is to cosign the checkpoints (C2SP tlog-witness)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://witness.example.com/w1", "key": KEY}]})

    url: str = Field(
        min_length=1,
        max_length=2000,
        description="its submission prefix, an https address on the internet; `/add-checkpoint` is added",
    )
    key: str = Field(min_length=1, max_length=300, description="its verifier key (signed-note) of type Ed25519")
    customer: str = Field(
        "", max_length=120, pattern=grant.LINE, description="for whose certificates; empty means for all customers'"
    )


EXAMPLE: dict[str, Any] = {
    "id": "0a6b4f2c9d1e4f7ab3c5d7e9f1a2b4c6",
    "url": "https://witness.example.com/w1",
    "key": KEY,
    "customer": "contoso",
    "made_by": "olga@example.com",
    "made_at": "2026-11-24T09:14:31+00:00",
    "cosigned": 1204,
    "failing_since": None,
    "code": None,
    "sentence": None,
}


@example(EXAMPLE)
class WitnessJson(TypedDict):
    """A witness, and how it answers."""

    id: str
    url: str
    key: str
    customer: str
    made_by: str
    made_at: When
    cosigned: Annotated[int, Field(description="how many heads the last tree has that it cosigned; 0: none yet")]
    failing_since: Annotated[When | None, Field(description="since when it has cosigned nothing")]
    code: str | None
    sentence: str | None


@example(
    {
        "witnesses": [EXAMPLE],
        "log_keys": ["footprint.example.com+cb94f44f+AVTTpBNirYpKp/D9IPvdXHH/i8Mut0xPf6oU/WxqmlcN"],
    }
)
class WitnessList(TypedDict):
    """All witnesses, and what they have to know of our log."""

    witnesses: list[WitnessJson]
    log_keys: Annotated[
        list[str],
        Field(description="the log's name and verifier keys, the newest first: a witness has to trust them"),
    ]


@refuses("400 address_not_allowed", "400 witness_key_not_valid", "403 another_customer", "409 too_many_witnesses")
async def create(app: App, request: Request, body: NewWitness) -> Created[WitnessJson]:
    """Have a witness cosign the checkpoints (C2SP tlog-witness), each hour in which a ledger has grown."""
    mine = request.actor.customer
    if mine is not None and body.customer not in ("", mine):
        raise Refused(403, "another_customer", "customer: you name witnesses of your own customer only.")
    customer = body.customer if mine is None else mine
    made = await witnesses.add(app, body.url, body.key, customer=customer, actor=request.actor.name)
    return created(_shown(made))


@refuses("502")
async def every(app: App, request: Request) -> Json[WitnessList]:
    """The witnesses, the oldest first, and the verifier keys of our log, which they have to trust."""
    async with app.database.read() as read:
        found = await witnesses.every(read)
    mine = request.actor.customer
    shown = [_shown(one) for one in found if mine in (None, one.customer)]
    return as_json({"witnesses": shown, "log_keys": await witnesses.log_keys(app)})


@refuses("404 no_such_witness")
async def delete(app: App, request: Request) -> Nothing:
    """Ask a witness no more. What it has cosigned still stands on the certificates."""
    await witnesses.remove(app, request.args["witness"], request.actor.customer)
    return Nothing(status=204)


def _shown(witness: Witness) -> WitnessJson:
    return {
        "id": witness.id,
        "url": witness.url,
        "key": witness.key,
        "customer": witness.customer,
        "made_by": witness.made_by,
        "made_at": witness.made_at.isoformat(),
        "cosigned": witness.size,
        "failing_since": witness.failing_since.isoformat() if witness.failing_since else None,
        "code": witness.code,
        "sentence": witness.sentence,
    }
