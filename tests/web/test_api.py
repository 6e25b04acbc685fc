"""The API's document, and what every route does alike: what it says is true, and what cannot be read is refused."""

import json
import re
import tomllib
from typing import Any

import pytest
from openapi_spec_validator import validate

from infra.local.printed_tables import ROOT
from shared import __version__
from shared.web import openapi
from shared.web.api import description
from shared.web.dispatch import handler
from shared.web.http import MAX_ERRORS, Request
from shared.web.pagination import encode
from shared.web.routes import MAX_BODY_BYTES, ROUTES
from tests.harness.client import ask, at, document, validator
from tests.harness.world import World

API = [route for route in ROUTES if route.in_api]


def test_the_document_is_valid_and_holds_every_route_and_nothing_else() -> None:
    validate(openapi.document("https://footprint.example.com", ("microsoft365", "google"), "footprint"))
    written = {(method, path) for path, told in document()["paths"].items() for method in told}
    assert written == {(route.method.lower(), route.path) for route in API}
    operations = [one for told in document()["paths"].values() for one in told.values()]
    assert sorted(one["operationId"] for one in operations) == sorted(route.name for route in API)
    assert {tag for one in operations for tag in one["tags"]} == {tag["name"] for tag in document()["tags"]}
    # Two models of one name would be told apart by our folders' names, and a client's generator takes only one of them.
    assert not [name for name in document()["components"]["schemas"] if "__" in name]


def test_there_is_one_version() -> None:
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]
    assert document()["info"]["version"] == __version__


def _examples(schema: Any, pointer: str) -> list[tuple[str, Any]]:
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if not isinstance(schema, dict):
        return []
    found = [(pointer, example) for example in schema.get("examples", [])]
    return found + [
        one for name, inner in schema.items() if name != "examples" for one in _examples(inner, f"{pointer}/{name}")
    ]


def test_every_example_is_a_good_one_and_every_body_has_one() -> None:
    found = _examples(document()["components"]["schemas"], "/components/schemas")
    for pointer, example in found:
        validator(pointer).validate(example)
    bodies = {
        told["requestBody"]["content"]["application/json"]["schema"]["$ref"].removeprefix("#")
        for path in document()["paths"].values()
        for told in path.values()
        if "application/json" in told.get("requestBody", {}).get("content", {})
    }
    assert len(bodies) >= 5
    assert bodies <= {pointer for pointer, _ in found}


def test_every_answer_that_holds_something_is_described() -> None:
    for path in document()["paths"].values():
        for told in path.values():
            for status, answer in told["responses"].items():
                for media, content in answer.get("content", {}).items():
                    free = media != "application/json" or told["operationId"] == "describe"
                    assert free or "$ref" in content["schema"], (told["operationId"], status)


async def test_the_document_is_served_to_anybody_and_made_once(world: World) -> None:
    first = await ask(world, "GET", "/api/openapi.json")
    assert json.loads(first.body)["servers"] == [{"url": world.app.settings.public_url}]
    again = await ask(world, "GET", "/api/openapi.json", if_none_match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    request = Request(method="GET", path="/", query={}, headers={}, body=b"")
    assert await description.document(world.app, request) is await description.document(world.app, request)


async def test_other_methods_are_told_which_are_understood(world: World) -> None:
    for route in API:
        path = at(route)
        # A name counts before a part: what is below /batches/plan is no batch.
        named = [one for one in API if one.path == path]
        fitting = [one for one in API if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one.path), path)]
        understood = {one.method for one in named or fitting}
        understood |= {"HEAD"} if "GET" in understood else set()
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - understood:
            found = await ask(world, method, path)
            assert found.status == 405, (method, path)
            assert found.headers["Allow"] == ", ".join(sorted(understood))


async def test_head_is_answered_like_get_without_what_is_in_it(world: World) -> None:
    connection, token = await world.create(), world.sims.operator_token()
    for path in (
        "/api/health",
        "/api/connections",
        f"/api/connections/{connection.id}/ledger?format=csv",
        "/api/connections/x",
    ):
        got, head = [await ask(world, method, path, token=token) for method in ("GET", "HEAD")]
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers["Content-Length"] == str(len(got.body))
        for name in ("ETag", "Content-Type"):
            assert head.headers.get(name) == got.headers.get(name)


async def test_an_address_that_cannot_be_read_is_refused(world: World) -> None:
    connection, token = await world.create(), world.sims.operator_token()
    one = f"/api/connections/{connection.id}"
    for path in (
        "/api/connections?q=%ff",
        "/api/connections?q=a&q=b",
        "/api/connections?q=%00",
        "/api/connections/a\0b",
        f"{one}/policies/a\0b",
        f"{one}/users?q=a%00",
        "/api/health?a=1&a=2",
        f"{one}?colour=red",
        f"{one}/sync?x=",
        "/api/connections?limit=0",
        "/api/connections?limit=201",
        "/api/connections?limit=many",
        "/api/connections?stage=lost",
        f"{one}/plan?for=fun",
        f"{one}/plan?purpose=now",
    ):
        method = "POST" if "/sync" in path else "GET"
        found = await ask(world, method, path, token=token)
        assert (found.status, json.loads(found.body)["code"]) == (400, "not_valid"), path


NOT_OURS = [
    "x",
    "bnVsbA",
    encode(),
    encode(1, 2),
    encode(-1),
    encode(2**31),
    encode("a", "b", "c"),
    encode(1, "2026", "x"),
    encode(1, "2026-11-26T00:00:00", "x"),
    encode(1, "2026-11-26T00:00:00+00:00", "a\0"),
    encode("a", "\ud800"),
    encode(0, "0001-01-01T00:00:00+23:00", "x"),
    encode(0, "2026-11-26T00:00:00+00:00", "\udfff"),
    encode("a\0", "b"),
]


@pytest.mark.parametrize("cursor", NOT_OURS)
async def test_a_cursor_that_is_none_of_ours_is_refused_by_every_list(world: World, cursor: str) -> None:
    connection, token = await world.create(), world.sims.operator_token()
    lists = [
        route for route in API if "cursor" in openapi.Operation(route=route, function=handler(route.handler)).looked_for
    ]
    assert len(lists) >= 7
    for route in lists:
        found = await ask(world, "GET", f"{at(route, id=connection.id)}?cursor={cursor}", token=token)
        assert (found.status, json.loads(found.body)["code"]) == (400, "cursor_not_valid"), route.name


NEW = {"platform": "microsoft365", "site": "eu", "name": "Contoso"}


@pytest.mark.parametrize(
    ("media", "content", "status", "code"),
    [
        ("text/plain", json.dumps(NEW).encode(), 415, "not_json"),
        ("application/x-www-form-urlencoded", b"name=x", 415, "not_json"),
        ("", json.dumps(NEW).encode(), 415, "not_json"),
        ("application/json", b"{", 400, "not_valid"),
        ("application/json", b"\xff", 400, "not_valid"),
        ("application/json", b'{"name": "\\ud800"}', 400, "not_valid"),
        ("application/json", b"[" * 10_000, 400, "not_valid"),
        ("application/json", b"[]", 400, "not_valid"),
        ("application/json", b"null", 400, "not_valid"),
        ("application/json", b"", 400, "not_valid"),
        ("application/json", json.dumps(NEW | {"name": "a\0"}).encode(), 400, "not_valid"),
        ("application/json", json.dumps(NEW | {"name": "a\nb"}).encode(), 400, "not_valid"),
        ("application/json", json.dumps(NEW | {"repair_drift": 1}).encode(), 400, "not_valid"),
        ("application/json", json.dumps(NEW | {"repair_drift": "true"}).encode(), 400, "not_valid"),
        ("application/json", b" " * (MAX_BODY_BYTES + 1), 413, "body_too_large"),
        ("application/json; charset=utf-8", json.dumps(NEW).encode(), 201, ""),
    ],
)
async def test_a_body_is_json_or_refused(world: World, media: str, content: bytes, status: int, code: str) -> None:
    found = await ask(
        world, "POST", "/api/connections", token=world.sims.operator_token(), content=content, content_type=media
    )
    assert found.status == status
    assert json.loads(found.body).get("code", "") == code


async def test_every_field_that_is_wrong_is_told_at_once(world: World) -> None:
    token = world.sims.operator_token()
    wrong = {"platform": "microsoft365", "site": "mars", "name": "", "repair_drift": 1, "nothing": 2}
    found = await ask(world, "POST", "/api/connections", token=token, body=wrong)
    told = json.loads(found.body)
    assert (found.status, told["code"]) == (400, "not_valid")
    assert {one["field"] for one in told["errors"]} == {"site", "name", "repair_drift", "nothing"}
    assert told["detail"] == " ".join(f"{one['field']}: {one['detail']}" for one in told["errors"])
    asked = await ask(world, "GET", "/api/connections?site=mars&limit=0&what=1", token=token)
    assert {one["field"] for one in json.loads(asked.body)["errors"]} == {"site", "limit", "what"}
    many = await ask(world, "POST", "/api/connections", token=token, body={f"n{number}": 1 for number in range(500)})
    assert len(json.loads(many.body)["errors"]) == MAX_ERRORS
    assert json.loads(many.body)["detail"].endswith(f"And {500 + 3 - MAX_ERRORS} more.")
    assert "errors" not in json.loads((await ask(world, "GET", "/api/nothing", token=token)).body)


async def test_no_body_is_an_empty_one_and_what_takes_none_says_so(world: World) -> None:
    connection, token = await world.create(), world.sims.operator_token()
    one = f"/api/connections/{connection.id}"
    assert (await ask(world, "POST", f"{one}/reconcile", token=token)).status == 202
    assert (await ask(world, "POST", f"{one}/grant", token=token, body={})).status == 202
    assert (await ask(world, "POST", f"{one}/grant", token=token, body={"now": True})).status == 400


async def test_lists_are_read_page_by_page_to_their_end(world: World) -> None:
    connection = await world.connect()
    for _ in range(4):
        await world.create()
    token = world.sims.operator_token()  # after the beginning of a life: it may have been lived at another time
    one = f"/api/connections/{connection.id}"
    for path, key, name, least in (
        ("/api/connections?limit=2", "connections", "id", 5),
        ("/api/connections?order=needs&limit=1", "connections", "id", 5),
        (f"{one}/users?limit=15", "users", "id", 40),
        (f"{one}/groups?limit=2", "groups", "id", 5),
        (f"{one}/ledger?limit=20", "entries", "number", 40),
    ):
        found: list[Any] = []
        where: str | None = path
        while where is not None:
            page = await ask(world, "GET", where, token=token)
            content = json.loads(page.body)
            found += [each[name] for each in content[key]]
            where = page.headers["Link"][1:].partition(">")[0] if content["next"] else None
            assert ("Link" in page.headers) == (content["next"] is not None)
        assert len(found) == len(set(found)) >= least, path
