"""Delta queries: a full round, then only what changed; pages that repeat or are empty, and tokens that expire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from infra.local.simulators.graph_call import GraphCall, Handler, decoded, encoded
from infra.local.simulators.graph_errors import bad_request, graph_refusal, unsupported_query
from infra.local.simulators.graph_groups import typed, visible_groups
from infra.local.simulators.wire import Answer, Record, Refusal

TOKEN_LIFE = 7 * 24 * 3600  # seconds
MOST_FILTERED = 50
KINDS = {"users": "user", "groups": "group"}


@dataclass(frozen=True, kw_only=True)
class Item:
    """One entry of a round: an object, and for a group one part of its members."""

    key: str
    part: int
    more: bool  # another part of the same object follows
    body: dict[str, Any]


def delta(call: GraphCall) -> Answer:
    """Answer one page of a round."""
    collection = call.template.split("/")[1]
    for name in ("$top", "$expand", "$orderby", "$count", "$search", "$skip"):
        if any(one == name for one, _ in call.request.query):
            raise unsupported_query(f"'{name}' is not supported on delta queries.")
    if "$skiptoken" in call.options:
        return _page(call, collection, decoded(call.options["$skiptoken"]))
    token = call.options.get("$deltatoken")
    if not token or token == "latest":  # noqa: S105 (a word of the protocol)
        state = _first_state(call, collection)
        if token == "latest":  # noqa: S105
            return _answer(call, collection, [], link={"@odata.deltaLink": _delta_link(call, collection, state)})
        return _page(call, collection, state)
    state = decoded(token)
    _refuse_old(call, collection, state)
    floor = len(call.tenant.changes)
    round_state = {**state, "full": False, "from": state["to"], "to": _settled(call, floor), "after": None}
    round_state["opened"] = False
    return _page(call, collection, round_state)


def _first_state(call: GraphCall, collection: str) -> dict[str, Any]:
    call.selected(KINDS[collection])
    ids: list[str] = []
    if text := call.options.get("$filter"):
        parts = [re.fullmatch(r"\s*id eq '([^']+)'\s*", part) for part in text.split(" or ")]
        ids = [part[1] for part in parts if part]
        if len(ids) != len(parts) or len(ids) > MOST_FILTERED:
            raise unsupported_query(f"Delta queries take 'id eq' only, and at most {MOST_FILTERED} of them.")
    return {
        "of": collection,
        "full": True,
        "from": 0,
        "to": _settled(call, len(call.tenant.changes)),
        "after": None,
        "select": call.options.get("$select"),
        "ids": ids,
        "opened": True,
    }


def _settled(call: GraphCall, upper: int) -> int:
    """Where the log can be read up to: not past a group that readers cannot see yet."""
    hidden = set(call.tenant.groups) - set(visible_groups(call))
    for place, change in enumerate(call.tenant.changes):
        if change.id in hidden:
            return place
    return upper


def _refuse_old(call: GraphCall, collection: str, state: dict[str, Any]) -> None:
    behaviour = call.tenant.behaviour
    if behaviour.delta_error == "syncStateNotFound":
        raise graph_refusal(400, "syncStateNotFound", "The sync state generation is not found.")
    expired = call.cloud.clock.seconds() - float(state.get("at", 0)) > TOKEN_LIFE
    foreign = state.get("of") != collection or int(state.get("to", 0)) > len(call.tenant.changes)
    if expired or foreign or behaviour.delta_error is not None:
        raise _resync(call, state)


def _resync(call: GraphCall, state: dict[str, Any]) -> Refusal:
    """410, and where to start again: the same query with an empty token."""
    refusal = graph_refusal(410, "resyncRequired", "The delta token is expired. Start again without one.")
    kept = {"$select": state["select"]} if state.get("select") else {}
    location = f"{_base(call)}?{urlencode({**kept, '$deltatoken': ''}, safe='$,')}"
    refusal.answer.headers["Location"] = location
    return refusal


def _base(call: GraphCall) -> str:
    return f"{call.cloud.addresses.graph}/v1.0/{call.template.split('/')[1]}/delta"


def _delta_link(call: GraphCall, collection: str, state: dict[str, Any]) -> str:
    kept = {name: state[name] for name in ("to", "select", "ids")}
    token = encoded({"of": collection, "at": call.cloud.clock.seconds(), **kept})
    return f"{_base(call)}?$deltatoken={token}"


def _next_link(call: GraphCall, state: dict[str, Any]) -> str:
    return f"{_base(call)}?$skiptoken={encoded(state)}"


def _page(call: GraphCall, collection: str, state: dict[str, Any]) -> Answer:
    """Cut one page out of a round. The last item of a page may come again as the first of the next."""
    select = state["select"].split(",") if state["select"] else None
    call.options = {**call.options, **({"$select": state["select"]} if state["select"] else {})}
    items = _everything(call, collection, state, select) if state["full"] else _changes(call, state, select)
    behaviour = call.tenant.behaviour
    if not state["opened"] and items and behaviour.delta_empty_page:
        link = {"@odata.nextLink": _next_link(call, {**state, "opened": True})}
        return _answer(call, collection, [], link=link)
    after = state["after"]
    places = [place for place, one in enumerate(items) if after is not None and [one.key, one.part] <= after]
    start = places[-1] + 1 if places else 0
    again = 1 if start and behaviour.delta_replay else 0
    size, end = behaviour.graph_page_size, start
    while end < len(items) and end - start < size:
        end += 1
        if items[end - 1].more:
            break
    if call.quirk == "half_listing":
        page, end = items[start : start + (end - start) // 2], len(items)
    else:
        page = items[start - again : end]
    if end < len(items):
        last = items[end - 1]
        link = {"@odata.nextLink": _next_link(call, {**state, "after": [last.key, last.part], "opened": True})}
    else:
        link = {"@odata.deltaLink": _delta_link(call, collection, state)}
    return _answer(call, collection, [one.body for one in page], link=link)


def _answer(call: GraphCall, collection: str, rows: list[dict[str, Any]], *, link: dict[str, str]) -> Answer:
    return Answer(body={"@odata.context": call.context(collection), **link, "value": rows})


def _records(call: GraphCall, collection: str) -> dict[str, Record]:
    return call.tenant.users if collection == "users" else visible_groups(call)


def _everything(call: GraphCall, collection: str, state: dict[str, Any], select: list[str] | None) -> list[Item]:
    records = _records(call, collection)
    keys = [key for key in sorted(records) if not state["ids"] or key in state["ids"]]
    with_members = collection == "groups" and select is not None and "members" in select
    items = []
    for key in keys:
        body = _present(call, collection, records[key], frozenset())
        if with_members:
            added = sorted(call.tenant.members.get(key, ()))
            items.extend(_parts(call, key, body, [_member(call, one) for one in added]))
        else:
            items.append(Item(key=key, part=0, more=False, body=body))
    return items


def _present(
    call: GraphCall, collection: str, record: Record, changed: frozenset[str], *, minimal: bool = False
) -> dict[str, Any]:
    """Return an object's selected properties: never-set ones are left out, cleared ones are null."""
    names = call.selected(KINDS[collection])
    if names is None:
        names = [name for name in record if not name.startswith("@")]
    held = {name: record[name] for name in names if name in record and name != "id"}
    kept = {name: value for name, value in held.items() if name in changed or (value is not None and not minimal)}
    return {"id": record["id"], **kept}


def _parts(call: GraphCall, key: str, body: dict[str, Any], found: list[dict[str, Any]]) -> list[Item]:
    """Split a group's members over as many entries as the page size demands."""
    size = call.tenant.behaviour.graph_page_size
    cut = [found[place : place + size] for place in range(0, len(found), size)] or [[]]
    return [
        Item(
            key=key,
            part=part,
            more=part < len(cut) - 1,
            body={**body, **({"members@delta": chunk} if chunk else {})},
        )
        for part, chunk in enumerate(cut)
    ]


def _member(call: GraphCall, key: str, *, removed: bool = False) -> dict[str, Any]:
    known = typed(call.tenant, key)
    kind = {"@odata.type": known["@odata.type"] if known else "#microsoft.graph.user", "id": key}
    return kind | ({"@removed": {"reason": "deleted"}} if removed else {})


def _changes(call: GraphCall, state: dict[str, Any], select: list[str] | None) -> list[Item]:
    """Collect what happened between two moments, one entry per object, in the order of their identities."""
    if state["to"] > len(call.tenant.changes):
        raise bad_request("The skip token is malformed.")
    collection = state["of"]
    merged: dict[str, list[Any]] = {}
    for change in call.tenant.changes[state["from"] : state["to"]]:
        if change.collection != collection or (state["ids"] and change.id not in state["ids"]):
            continue
        known = merged.setdefault(change.id, [frozenset(), set(), set()])
        known[0] = None if known[0] is None or change.properties is None else known[0] | change.properties
        known[1] = (known[1] | change.added) - change.removed
        known[2] = (known[2] | change.removed) - change.added
    items: list[Item] = []
    for key in sorted(merged):
        items.extend(_changed(call, collection, key, merged[key], select))
    return items


def _changed(call: GraphCall, collection: str, key: str, change: list[Any], select: list[str] | None) -> list[Item]:
    properties, added, removed = change
    record = _records(call, collection).get(key)
    if record is None:
        reason = "changed" if key in call.tenant.deleted else "deleted"
        return [Item(key=key, part=0, more=False, body={"id": key, "@removed": {"reason": reason}})]
    member_changes = []
    if select is not None and "members" in select:
        member_changes = [_member(call, one) for one in sorted(added)]
        member_changes += [_member(call, one, removed=True) for one in sorted(removed)]
    touched = properties is None or bool(properties & set(select or properties))
    if not touched and not member_changes:
        return []
    minimal = properties is not None and "return=minimal" in (call.request.header("prefer") or "")
    body = _present(call, collection, record, properties or frozenset(), minimal=minimal)
    return _parts(call, key, body, member_changes)


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/users/delta()"): delta,
    ("GET", "/groups/delta()"): delta,
}
