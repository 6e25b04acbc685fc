"""A connection that is made, and the invitation of its administrator, as JSON."""

from dataclasses import asdict
from typing import Annotated, cast

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from shared.flows import grant
from shared.web.schema import example


class NewConnection(grant.NewConnection):
    """What an operator says to make a connection. `tenant` names it by id or domain; recommended."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"platform": "example", "site": "eu", "name": "Contoso", "tenant": "contoso.com"}]
        }
    )

    customer: str = Field(
        "",
        max_length=120,
        pattern=grant.LINE,
        description="whose it is; those who see one customer only make their own",
    )


class BaselineView(TypedDict):
    """A rule of a public security baseline about an object, and what the rule finds."""

    id: str
    baseline: str
    asks: str
    met: Annotated[bool | None, Field(description="null: it depends on others")]
    why: str
    worth: Annotated[str, Field(description="what the exception costs or gains")]
    exclusion: Annotated[str, Field(description="an entry for the tool that checks the rule; empty: there is none")]


class PlannedChange(TypedDict):
    """An object or activity that a connection will have, and why."""

    key: str
    title: str
    why: str
    baselines: list[BaselineView]


class ConsentLink(TypedDict):
    """The link for the tenant's administrator, who sees there what will change before consenting."""

    id: str
    consent_url: Annotated[str, Field(json_schema_extra={"format": "uri"}, description="valid for a week")]


@example(
    {
        "id": "5f0c1d9be7a84c0f9a3be1f0c2d4a6b8",
        "consent_url": "https://footprint.example.com/connect#4b1c.2f0e",
        "changes": [{"key": "rule", "title": "Routing rule", "why": "Mail is sent to be inspected.", "baselines": []}],
    }
)
class MadeConnection(ConsentLink):
    """A connection that was made, and what it will change."""

    changes: list[PlannedChange]


def invitation(made: grant.Invitation) -> ConsentLink:
    """The link for the tenant's administrator."""
    return {"id": made.connection_id, "consent_url": made.consent_url}


def made_connection(made: grant.MadeConnection) -> MadeConnection:
    """A connection that was made, and what it will change."""
    changes: list[PlannedChange] = [
        {
            "key": row.key,
            "title": row.title,
            "why": row.why,
            "baselines": [cast("BaselineView", asdict(one)) for one in row.baselines],
        }
        for row in made.rows
    ]
    return {**invitation(made), "changes": changes}
