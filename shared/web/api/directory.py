"""Our copy of a tenant's directory, to be searched: whom a policy may name, and by which id."""

from typing import Any

from pydantic import Field

from shared.flows.app import App
from shared.protection import directory_search
from shared.web.http import Json, Request
from shared.web.pagination import Paged, decode, encode, paged
from shared.web.representations.directory import GroupPage, UserPage


class Search(Paged):
    """Who is looked for."""

    q: str = Field("", max_length=253, description="part of a name, an address or an id")


async def users(app: App, request: Request, query: Search) -> Json[UserPage]:
    """Users, by address."""
    found, following = await page_of(app, request, query, "users")
    return paged(request, {"users": found, "next": following}, following)


async def groups(app: App, request: Request, query: Search) -> Json[GroupPage]:
    """Groups, by address, each with the number of its members."""
    found, following = await page_of(app, request, query, "groups")
    return paged(request, {"groups": found, "next": following}, following)


async def page_of(
    app: App, request: Request, query: Search, kind: directory_search.Kind
) -> tuple[list[Any], str | None]:
    """Some users or groups, and the cursor of the next page, if there is one."""
    place = decode(query.cursor, (str, str))
    after = (place[0], place[1]) if place else None
    found, last = await directory_search.page(
        app.database, request.connection.id, kind, query.q, after=after, most=query.limit
    )
    return found, encode(*last) if last else None
