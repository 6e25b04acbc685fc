"""Users and groups of our copy of a directory as JSON: its rows as they are."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.web.schema import Next


class User(TypedDict):
    """A user of the tenant, as our copy of its directory has them."""

    id: Annotated[str, Field(description="the platform's id, by which a policy names them")]
    name: str | None
    mail: str | None
    enabled: bool
    kind: str | None
    receives: Annotated[bool, Field(description="mail can be delivered to them")]
    skipped: Annotated[str | None, Field(description="why they are left out, if they are")]


class Group(TypedDict):
    """A group of the tenant, as our copy of its directory has it."""

    id: Annotated[str, Field(description="the platform's id, by which a policy names it")]
    name: str | None
    mail: str | None
    members: int


class UserPage(TypedDict):
    """Some users."""

    users: list[User]
    next: Next


class GroupPage(TypedDict):
    """Some groups."""

    groups: list[Group]
    next: Next
