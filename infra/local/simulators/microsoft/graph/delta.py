"""Delta queries: a full round, then only what changed; pages that repeat or are empty, and tokens that expire."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from infra.local.simulators.microsoft.graph.call import GraphCall, Handler, decoded, encoded
from infra.local.simulators.microsoft.graph.errors import bad_request, graph_refusal, unsupported_query
from infra.local.simulators.microsoft.graph.groups import typed, visible_groups
from infra.local.simulators.microsoft.tenant import Change
from infra.local.simulators.wire import Answer, Record, Refusal

TOKEN_LIFE = 7 * 24 * 3600  # seconds
MAX_FILTERED = 50
KINDS = {"users": "user", "groups": "group"}


class Item(NamedTuple):
    """One entry of a round: an object, and for a group one part of its members."""

    key: str
    part: int
    more: bool  # another part of the same object follows


@dataclass(kw_only=True)
class Round:
    """All entries of a round in their order, and how to build one of them when its page is due."""

    items: list[Item]
    body: Callable[[Item], dict[str, Any]]


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
        if len(ids) != len(parts) or len(ids) > MAX_FILTERED:
            raise unsupported_query(f"Delta queries take 'id eq' only, and at most {MAX_FILTERED} of them.")
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
    expired = call.microsoft.clock.seconds() - float(state.get("at", 0)) > TOKEN_LIFE
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
    return f"{call.microsoft.graph_url}/v1.0/{call.template.split('/')[1]}/delta"


def _delta_link(call: GraphCall, collection: str, state: dict[str, Any]) -> str:
    kept = {name: state[name] for name in ("to", "select", "ids")}
    token = encoded({"of": collection, "at": call.microsoft.clock.seconds(), **kept})
    return f"{_base(call)}?$deltatoken={token}"


def _next_link(call: GraphCall, state: dict[str, Any]) -> str:
    return f"{_base(call)}?$skiptoken={encoded(state)}"


def _page(call: GraphCall, collection: str, state: dict[str, Any]) -> Answer:
    """Cut one page out of a round. The last item of a page may come again as the first of the next."""
    select = state["select"].split(",") if state["select"] else None
    call.options = {**call.options, **({"$select": state["select"]} if state["select"] else {})}
    whole = _everything(call, collection, state, select) if state["full"] else _changes(call, state, select)
    items = whole.items
    behaviour = call.tenant.behaviour
    if not state["opened"] and items and behaviour.delta_empty_page:
        link = {"@odata.nextLink": _next_link(call, {**state, "opened": True})}
        return _answer(call, collection, [], link=link)
    start = 0 if state["after"] is None else bisect_right(items, tuple(state["after"]), key=lambda one: one[:2])
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
        after = [items[end - 1].key, items[end - 1].part]
        link = {"@odata.nextLink": _next_link(call, {**state, "after": after, "opened": True})}
    else:
        link = {"@odata.deltaLink": _delta_link(call, collection, state)}
    return _answer(call, collection, [whole.body(one) for one in page], link=link)


def _answer(call: GraphCall, collection: str, rows: list[dict[str, Any]], *, link: dict[str, str]) -> Answer:
    return Answer(body={"@odata.context": call.context(collection), **link, "value": rows})


def _records(call: GraphCall, collection: str) -> dict[str, Record]:
    return call.tenant.users if collection == "users" else visible_groups(call)


def _everything(call: GraphCall, collection: str, state: dict[str, Any], select: list[str] | None) -> Round:
    records = _records(call, collection)
    keys = sorted(set(state["ids"]) & records.keys()) if state["ids"] else sorted(records)
    # Only this page's part of a large directory is looked at: the item before it, the page, and one more.
    first = 0 if state["after"] is None else max(0, bisect_right(keys, state["after"][0]) - 1)
    keys = keys[first : first + call.tenant.behaviour.graph_page_size + 2]

    def present(item: Item) -> dict[str, Any]:
        return _present(call, collection, records[item.key], frozenset())

    if collection != "groups" or select is None or "members" not in select:
        return Round(items=[Item(key, 0, more=False) for key in keys], body=present)
    held = {key: sorted(call.readable_members(key)) for key in keys}

    def with_members(item: Item) -> dict[str, Any]:
        part = _part(call, held[item.key], item.part)
        return present(item) | ({"members@delta": [_member(call, one) for one in part]} if part else {})

    return Round(items=[one for key in keys for one in _parts(call, key, len(held[key]))], body=with_members)


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


def _parts(call: GraphCall, key: str, count: int) -> list[Item]:
    """Split an object over as many entries as its members and the page size demand."""
    last = max(0, count - 1) // call.tenant.behaviour.graph_page_size
    return [Item(key, part, more=part < last) for part in range(last + 1)]


def _part(call: GraphCall, found: list[Any], part: int) -> list[Any]:
    size = call.tenant.behaviour.graph_page_size
    return found[part * size : part * size + size]


def _member(call: GraphCall, key: str, *, removed: bool = False) -> dict[str, Any]:
    known = typed(call.tenant, key)
    kind = {"@odata.type": known["@odata.type"] if known else "#microsoft.graph.user", "id": key}
    return kind | ({"@removed": {"reason": "deleted"}} if removed else {})


def _changes(call: GraphCall, state: dict[str, Any], select: list[str] | None) -> Round:
    """Collect what happened between two moments, one entry per object, in the order of their identities."""
    if state["to"] > len(call.tenant.changes):
        raise bad_request("The skip token is malformed.")
    collection = state["of"]
    merged: dict[str, Change] = {}
    for change in call.tenant.changes[state["from"] : state["to"]]:
        if change.collection == collection and (not state["ids"] or change.id in state["ids"]):
            known = merged.get(change.id)
            merged[change.id] = change if known is None else _merged(known, change)
    bodies: dict[Item, dict[str, Any]] = {}
    for key in sorted(merged):
        bodies |= _changed(call, merged[key], select)
    return Round(items=list(bodies), body=bodies.__getitem__)


def _merged(one: Change, other: Change) -> Change:
    """Return two changes of an object as one; a member that came and went never was."""
    fresh = one.properties is None or other.properties is None
    return Change(
        collection=one.collection,
        id=one.id,
        properties=None if fresh else (one.properties or frozenset()) | (other.properties or frozenset()),
        added=(one.added | other.added) - other.removed,
        removed=(one.removed | other.removed) - other.added,
    )


def _changed(call: GraphCall, change: Change, select: list[str] | None) -> dict[Item, dict[str, Any]]:
    key = change.id
    record = _records(call, change.collection).get(key)
    if record is None:
        reason = "changed" if key in call.tenant.deleted else "deleted"
        return {Item(key, 0, more=False): {"id": key, "@removed": {"reason": reason}}}
    members = []
    if select is not None and "members" in select and call.readable_members(key) == call.tenant.members.get(key):
        members = [_member(call, one) for one in sorted(change.added)]
        members += [_member(call, one, removed=True) for one in sorted(change.removed)]
    properties = change.properties
    touched = properties is None or bool(properties & set(select or properties))
    if not touched and not members:
        return {}
    minimal = properties is not None and "return=minimal" in (call.request.header("prefer") or "")
    body = _present(call, change.collection, record, properties or frozenset(), minimal=minimal)
    return {
        item: body | ({"members@delta": part} if (part := _part(call, members, item.part)) else {})
        for item in _parts(call, key, len(members))
    }


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/users/delta()"): delta,
    ("GET", "/groups/delta()"): delta,
}
