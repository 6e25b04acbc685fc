"""What waits in quarantine: listed, put back, taken out."""

from shared import exports, quarantine
from shared.app import App
from shared.errors import Refused
from shared.handlers import quarantine as flow
from shared.handlers.overview import found
from shared.quarantine import State
from shared.web.api.records import whole
from shared.web.messages import DATA_HEADERS, Request, Response, as_json

FILTERS = frozenset({"state", "policy", "user", "sender"})
MOST = 200


async def list_items(app: App, request: Request) -> Response:
    """Messages in quarantine, newest first, by `state`, `policy` and parts of `user` and `sender`; `before` goes on."""
    connection = await found(app, request.args["id"])
    for name in request.query.keys() - FILTERS - {"before", "limit"}:
        raise Refused(400, "unknown_filter", f"{name[:80]}: quarantine is searched by {', '.join(sorted(FILTERS))}.")
    wanted = {name: request.query[name] for name in FILTERS & request.query.keys()}
    if wanted.get("state", State.WAITING) not in list(State):
        raise Refused(400, "unknown_filter", f"state: one of {', '.join(State)} is meant.")
    before = whole(request, "before", 0, 2**31) if "before" in request.query else None
    box = await app.seal.box(connection.id)
    items, more = await quarantine.page(
        app.database, box, connection.id, wanted, before=before, most=max(1, whole(request, "limit", 50, MOST))
    )
    waiting = await quarantine.count(app.database, connection.id)
    return as_json({"items": [item.printed() for item in items], "next": more, "waiting": waiting})


async def release_item(app: App, request: Request) -> Response:
    """Have a message put back where it was."""
    connection, number = await found(app, request.args["id"]), request.args["item"]
    if not number.isascii() or not number.isdigit() or int(number) >= 2**31:
        raise Refused(404, "no_such_item", "There is no such message in quarantine.")
    await flow.release(app, connection, int(number))
    return as_json({"accepted": True}, 202)


async def make_export(app: App, request: Request) -> Response:
    """Have everything that waits taken out, to be fetched in a while."""
    await flow.ask_for_export(app, await found(app, request.args["id"]))
    return as_json({"accepted": True}, 202)


async def get_export(app: App, request: Request) -> Response:
    """One part of the last export as a ZIP, the first unless `part` says otherwise; a Link leads to the next one."""
    connection = await found(app, request.args["id"])
    parts, place = await exports.parts(app.database, connection.id), whole(request, "part", 1, 2**31)
    if any(part.until is None for part in parts):
        raise Refused(404, "export_not_ready", "The export is being made. Come back in a minute.")
    if not 1 <= place <= len(parts):
        raise Refused(404, "no_such_export", "There is no export, or it has no such part.")
    box = await app.seal.box(connection.id)
    content = await exports.content(app.database, box, connection.id, parts[place - 1].part)
    headers = {
        **DATA_HEADERS, "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="quarantine-{place}-of-{len(parts)}.zip"',
    }  # fmt: skip
    if place < len(parts):
        headers["Link"] = f'<{request.path}?part={place + 1}>; rel="next"'
    return Response(headers=headers, body=content)
