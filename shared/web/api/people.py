"""A person is erased from everything that we keep beside the customers' own directories."""

from dataclasses import asdict

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from shared.flows import people
from shared.flows.app import App
from shared.web.http import Json, Request, Strict, as_json
from shared.web.schema import example

# What is before and behind one @, and no space.
ADDRESS = r"^[^@\s]+@[^@\s]+$"


class ErasedPerson(Strict):
    """Who is erased."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"address": "maria@contoso.com"}]})

    address: str = Field(min_length=3, max_length=254, pattern=ADDRESS, description="an e-mail address of the person")


@example({"connections": 2, "texts": 7, "calls": 31, "kept": 0, "directories": 1, "certificates": 0})
class ErasureView(TypedDict):
    """What was emptied, in numbers: in how many connections, texts of their ledgers, and calls of their logs.

    What stays: `kept` texts of entries older than the commitments, `directories` of customers in which the person still
    is, and signed `certificates` that name the person.
    """

    connections: int
    texts: int
    calls: int
    kept: int
    directories: int
    certificates: int


async def erase(app: App, request: Request, body: ErasedPerson) -> Json[ErasureView]:
    """Erase a person: empty the texts that name them in ledgers, whose hashes still hold, and in logs of calls.

    They are no contact and are sent no report any more. Each connection's ledger says so.
    """
    done = await people.erase(app, body.address, request.actor.name, request.actor.customer)
    view: ErasureView = asdict(done)  # type: ignore[assignment]  # the same names
    return as_json(view)
