"""Messages in quarantine: listed, released, exported."""

from pydantic import Field
from typing_extensions import TypedDict

from shared.flows import quarantine as flow
from shared.flows import reading
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.protection import exports, quarantine, quarantine_search
from shared.protection.quarantine import QuarantineState
from shared.web.api import refuses
from shared.web.api.actions import NOTED, Noted
from shared.web.http import DATA_HEADERS, Accepted, Json, Request, Strict, Zip, accepted, attachment
from shared.web.pagination import Paged, decode, encode, never_one, paged
from shared.web.representations.quarantine import QuarantineItem, quarantine_item
from shared.web.schema import Next


class Filter(Paged):
    """Which messages are looked for."""

    state: QuarantineState | None = None
    policy: str = Field("", max_length=64)
    user: str = Field("", max_length=320, description="part of the mailbox's address")
    sender: str = Field("", max_length=320, description="part of the sender's name or address")

    @property
    def wanted(self) -> dict[str, str]:
        """What is asked for, without what was left empty."""
        wanted = {"state": self.state, "policy": self.policy, "user": self.user, "sender": self.sender}
        return {name: str(value) for name, value in wanted.items() if value}


class Part(Strict):
    """Which part of the export."""

    part: int = Field(1, ge=1, le=2**31 - 1)


class QuarantinePage(TypedDict):
    """Some messages, and how many wait in all."""

    items: list[QuarantineItem]
    waiting: int
    next: Next


@refuses("502")
async def list_items(app: App, request: Request, query: Filter) -> Json[QuarantinePage]:
    """Messages in quarantine, newest first, and how many wait."""
    content = await page_of(app, request, query)
    return paged(request, content, content["next"])


async def page_of(app: App, request: Request, query: Filter) -> QuarantinePage:
    """A page of the messages in a connection's quarantine."""
    connection, place = request.connection.id, decode(query.cursor, (str,))
    box = await app.seal.box(connection)
    before = box.number(place[0], about=quarantine.NAMED) if place else None
    if place and before is None:
        raise never_one()
    items, last = await quarantine_search.page(
        app.database,
        box,
        connection,
        query.wanted,
        before=before,
        most=query.limit,
    )
    waiting = await quarantine.count(app.database, connection)
    reading.told(request.connection, request.actor.name, "senders and subjects of the quarantine", number=len(items))
    following = None if last is None else encode(box.name(last, about=quarantine.NAMED))
    return {"items": [quarantine_item(item) for item in items], "waiting": waiting, "next": following}


@refuses("404 no_such_item", "409 not_running", "409 not_waiting")
async def release_item(app: App, request: Request) -> Accepted[Noted]:
    """Release a message, which is moved back to where it was."""
    await flow.release(app, request.connection, request.args["item"], request.actor.name)
    return accepted(NOTED)


@refuses("409 not_running", "409 quarantine_empty")
async def make_export(app: App, request: Request) -> Accepted[Noted]:
    """Export all messages in quarantine; the export can be downloaded once its job has run."""
    await flow.ask_for_export(app, request.connection, request.actor.name)
    return accepted(NOTED)


@refuses("404 export_not_ready", "404 no_such_export", "502")
async def get_export(app: App, request: Request, query: Part) -> Zip:
    """One part of the last export, the first unless `part` says otherwise; a Link leads to the next one."""
    connection, place = request.connection, query.part
    parts = await exports.parts(app.database, connection.id)
    if any(part.until is None for part in parts):
        raise Refused(404, "export_not_ready", "The export is being made. Come back in a minute.")
    if not 1 <= place <= len(parts):
        raise Refused(404, "no_such_export", "There is no such part of an export.")
    box = await app.seal.box(connection.id)
    messages = parts[place - 1].messages
    await reading.note(
        app, connection, request.actor.name, f"messages of part {place} of {len(parts)} of the export", number=messages
    )
    content = await exports.content(app.database, box, connection.id, parts[place - 1].part)
    headers = {
        **DATA_HEADERS,
        "Content-Type": Zip.media,
        **attachment(connection.name, f"quarantine-{place}-of-{len(parts)}.zip"),
    }
    if place < len(parts):
        headers["Link"] = f'<{request.path}?part={place + 1}>; rel="next"'
    return Zip(headers=headers, body=content)
