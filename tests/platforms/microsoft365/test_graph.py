"""Graph's listings are whole or raise, and every write's outcome is known."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from shared.foundation.errors import FootprintError, Missing, Permanent, Temporary
from shared.foundation.wire import Wire
from shared.platforms.microsoft365.entra import TokenRefused
from shared.platforms.microsoft365.graph import BatchRequest, Graph, GraphRefused, Resync
from tests.foundation.test_http_client import UNREADABLE
from tests.harness.scripted_host import Host, Say, Seen, StillClock

Read = Callable[[Graph], Awaitable[Any]]


async def token() -> str:
    return "t0k"


@pytest.fixture
async def graph(wire: Wire, host: Host, clock: StillClock) -> AsyncIterator[Graph]:
    async with wire.client(host.url) as http:
        yield Graph(http, token, clock)


def error(status: int, code: str, message: str = "Something.", **headers: str) -> Say:
    return Say(status=status, body={"error": {"code": code, "message": message}}, headers=headers)


async def one(graph: Graph) -> Any:
    return await graph.get("/v1.0/groups/g1")


async def all_pages(graph: Graph) -> Any:
    return [row async for rows in graph.pages("/v1.0/users") for row in rows]


async def all_changes(graph: Graph) -> Any:
    return [row async for page in graph.delta("/v1.0/users/delta") for row in page.rows]


READS = (one, all_pages, all_changes)
UNSURE = {
    "401": error(401, "InvalidAuthenticationToken"),
    "403": error(403, "Authorization_RequestDenied"),
    "403_nul": Say(status=403, body=b"\x00" * 2000),
    "403_html": Say(status=403, body=b"<html>"),
    "403_other": error(403, "Directory_QuotaExceeded"),
    "404_other": error(404, "UnknownError"),
    "404_html": Say(status=404, body=b"<html>Not Found</html>"),
    "404_empty": Say(status=404),
    "404_odd": Say(status=404, body={"error": "Request_ResourceNotFound"}),
    "404_list": Say(status=404, body=[]),
    "302": Say(status=302, headers={"Location": "/v1.0/users"}),
    "500": Say(status=500),
    "502_html": Say(status=502, body=b"<html>"),
    "504_not_found": error(504, "Request_ResourceNotFound"),
    "dropped": Say(act="drop"),
    "cut": Say(act="cut", body={"value": [{"id": "u1"}, {"id": "u2"}]}),
    "200_a_list": Say(body=[]),
    "200_error": Say(body={"error": {"code": "Request_ResourceNotFound", "message": "Something."}, "value": []}),
    "206": Say(status=206, body={"value": [], "@odata.deltaLink": "/d"}),
} | {f"200_{name}": Say(body=body) for name, body in UNREADABLE.items()}


@pytest.mark.hazard(1)
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("say", UNSURE.values(), ids=UNSURE)
async def test_a_failed_read_is_never_absence(graph: Graph, host: Host, read: Read, say: Say) -> None:
    host.says(say)
    with pytest.raises(FootprintError) as raised:
        await read(graph)
    assert not isinstance(raised.value, Missing)


@pytest.mark.hazard(1)
@pytest.mark.parametrize("read", [all_pages, all_changes])
@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {}}, {"value": [None]}, {"error": {"code": "x"}}])
async def test_a_page_without_rows_is_no_empty_page(graph: Graph, host: Host, read: Read, body: Any) -> None:
    host.says(Say(body={"@odata.deltaLink": f"{host.url}/d", **body} if read is all_changes else body))
    with pytest.raises(Temporary, match="unreadable_answer"):
        await read(graph)


@pytest.mark.hazard(1)
async def test_changes_without_an_end_are_not_all(graph: Graph, host: Host) -> None:
    host.says(Say(body={"value": []}))
    with pytest.raises(Temporary, match="unreadable_answer"):
        await all_changes(graph)


@pytest.mark.hazard(1)
@pytest.mark.parametrize("read", [all_pages, all_changes])
async def test_a_later_page_that_fails_fails_the_listing(graph: Graph, host: Host, read: Read) -> None:
    host.says(Say(body={"value": [{"id": "a"}], "@odata.nextLink": f"{host.url}/n"}), Say(status=500))
    with pytest.raises(Temporary):
        await read(graph)


@pytest.mark.hazard(1)
@pytest.mark.parametrize("read", [all_pages, all_changes])
async def test_a_listing_that_goes_round_ends_as_a_failure(graph: Graph, host: Host, read: Read) -> None:
    host.says(Say(body={"value": [], "@odata.nextLink": f"{host.url}/n"}))
    with pytest.raises(Temporary, match="unreadable_answer"):
        await read(graph)


async def test_a_listing_with_ever_new_links_ends_as_a_failure(graph: Graph, host: Host) -> None:
    host.script = lambda _: Say(body={"value": [], "@odata.nextLink": f"{host.url}/n?{len(host.seen)}"})
    with pytest.raises(Temporary, match="listing_without_end"):
        await all_pages(graph)


@pytest.mark.parametrize(
    "responses",
    [None, "none", [None], [{"id": "0"}], [{"id": "0", "status": "204"}], [{"id": "0", "status": 500, "headers": []}]],
)
async def test_of_an_odd_batch_nothing_is_taken_for_done(graph: Graph, host: Host, responses: object) -> None:
    host.script = lambda _: Say(body={"responses": responses})
    (outcome,) = await graph.batch([BatchRequest(method="DELETE", url="/0")])
    assert outcome.status >= 500


async def test_what_a_batch_answers_unasked_is_nobodys_answer(graph: Graph, host: Host) -> None:
    host.says(Say(body={"responses": [{"id": "7", "status": 429}, {"id": "0", "status": 204}, {"status": 204}]}))
    outcomes = await graph.batch([BatchRequest(method="DELETE", url="/0")])
    assert [outcome.status for outcome in outcomes] == [204]


@pytest.mark.parametrize("code", ["Request_ResourceNotFound", "ResourceNotFound"])
async def test_only_graphs_own_words_mean_missing(graph: Graph, host: Host, code: str) -> None:
    host.says(error(404, code))
    with pytest.raises(Missing):
        await one(graph)


async def test_pages_are_followed_even_when_empty_and_links_are_taken_as_they_are(graph: Graph, host: Host) -> None:
    host.says(
        Say(body={"value": [{"id": "a"}], "@odata.nextLink": f"{host.url}/v1.0/users?$skiptoken=1"}),
        Say(body={"value": [], "@odata.nextLink": f"{host.url}/v1.0/users?$skiptoken=2"}),
        Say(body={"value": [{"id": "b"}]}),
    )
    rows = [row["id"] async for page in graph.pages("/v1.0/users", **{"$select": "id"}) for row in page]
    assert rows == ["a", "b"]
    assert [seen.path for seen in host.seen[1:]] == ["/v1.0/users?$skiptoken=1", "/v1.0/users?$skiptoken=2"]
    assert len({seen.headers["client-request-id"] for seen in host.seen}) == 3
    assert host.seen[0].headers["return-client-request-id"] == "true"


async def test_the_last_page_of_changes_has_the_link(graph: Graph, host: Host) -> None:
    last = f"{host.url}/v1.0/users/delta?$deltatoken=d"
    host.says(
        Say(body={"value": [{"id": "a"}], "@odata.nextLink": f"{host.url}/v1.0/users/delta?$skiptoken=1"}),
        Say(body={"value": [], "@odata.deltaLink": last}),
    )
    pages = [page async for page in graph.delta("/v1.0/users/delta", **{"$select": "id"})]
    assert [(len(page.rows), page.final) for page in pages] == [(1, None), (0, last)]


@pytest.mark.hazard(13)
async def test_a_delta_token_that_is_too_old_is_a_resync(graph: Graph, host: Host) -> None:
    start = f"{host.url}/v1.0/users/delta?$deltatoken="
    host.says(Say(status=410, headers={"Location": start}))
    with pytest.raises(Resync) as raised:
        await all_changes(graph)
    assert raised.value.location == start


@pytest.mark.hazard(13)
@pytest.mark.parametrize("say", [error(400, "syncStateNotFound"), error(404, "resyncRequired"), Say(status=410)])
async def test_a_resync_without_an_address(graph: Graph, host: Host, say: Say) -> None:
    host.says(say)
    with pytest.raises(Resync) as raised:
        await all_changes(graph)
    assert raised.value.location is None


@pytest.mark.hazard(23)
@pytest.mark.parametrize("read", [all_pages, all_changes])
async def test_a_foreign_next_link(graph: Graph, host: Host, other: Host, read: Read) -> None:
    host.says(Say(body={"value": [], "@odata.nextLink": f"{other.url}/v1.0/users"}))
    with pytest.raises(Permanent, match="foreign_link"):
        await read(graph)
    assert other.seen == []


@pytest.mark.hazard(23)
async def test_a_foreign_delta_link_is_not_even_kept(graph: Graph, host: Host, other: Host) -> None:
    host.says(Say(body={"value": [], "@odata.deltaLink": f"{other.url}/v1.0/users/delta"}))
    with pytest.raises(Permanent, match="foreign_link"):
        await all_changes(graph)


@pytest.mark.hazard(23)
async def test_a_foreign_location(graph: Graph, host: Host, other: Host) -> None:
    host.says(Say(status=410, headers={"Location": f"{other.url}/v1.0/users/delta"}))
    with pytest.raises(Permanent, match="foreign_link"):
        await all_changes(graph)
    assert other.seen == []


async def test_a_refused_token_is_told_apart(graph: Graph, host: Host) -> None:
    host.says(UNSURE["401"])
    with pytest.raises(TokenRefused) as raised:
        await one(graph)
    assert "t0k" not in str(raised.value)


async def test_other_refusals_are_for_the_caller(graph: Graph, host: Host) -> None:
    host.says(error(400, "Request_BadRequest", "One or more added object references already exist"))
    with pytest.raises(GraphRefused) as raised:
        await graph.patch("/v1.0/groups/g1", {"members@odata.bind": []})
    assert (raised.value.status, raised.value.code) == (400, "Request_BadRequest")
    assert "already exist" in raised.value.sentence


async def test_a_missing_permission_needs_a_person(graph: Graph, host: Host) -> None:
    host.says(UNSURE["403"])
    with pytest.raises(Permanent, match="permission_missing"):
        await one(graph)


async def test_writes_are_sent_once_and_may_answer_nothing(graph: Graph, host: Host) -> None:
    host.says(Say(status=204, headers={"request-id": "r-9"}), Say(act="drop"))
    answer = await graph.delete("/v1.0/groups/g1")
    assert (answer.body, answer.request_id) == ({}, "r-9")
    with pytest.raises(Temporary):
        await graph.post("/v1.0/groups", {"displayName": "g"})
    assert len(host.seen) == 2


def answers(responses: dict[str, dict[str, Any]]) -> Callable[[Seen], Say]:
    """A batch endpoint that answers out of order, by the url of each request."""

    def script(seen: Seen) -> Say:
        found = [{"id": r["id"], "status": 204, **responses.get(r["url"], {})} for r in seen.json()["requests"]]
        return Say(body={"responses": found[::-1]}, headers={"request-id": "outer"})

    return script


async def test_a_batch_keeps_the_order_and_each_outcome(graph: Graph, host: Host) -> None:
    refused = {"status": 400, "body": {"error": {"code": "Request_BadRequest", "message": "already exist"}}}
    host.script = answers({"/21": refused, "/3": {"headers": {"Request-Id": "inner"}, "body": None}})
    outcomes = await graph.batch([BatchRequest(method="POST", url=f"/{n}", body={}) for n in range(45)])
    assert [len(seen.json()["requests"]) for seen in host.seen] == [20, 20, 5]
    assert host.seen[0].json()["requests"][0]["headers"] == {"Content-Type": "application/json"}
    assert [outcome.status for outcome in outcomes] == [204] * 21 + [400] + [204] * 23
    assert (outcomes[21].code, outcomes[21].message) == ("Request_BadRequest", "already exist")
    assert (outcomes[3].request_id, outcomes[4].request_id) == ("inner", "outer")


async def test_of_a_batch_only_what_was_rejected_is_sent_again(graph: Graph, host: Host, clock: StillClock) -> None:
    busy = {"status": 429, "headers": {"Retry-After": "2.128"}, "body": {"error": {"code": "TooManyRequests"}}}
    first, then = answers({"/1": busy}), answers({})
    host.script = lambda seen: first(seen) if len(host.seen) == 1 else then(seen)
    outcomes = await graph.batch([BatchRequest(method="DELETE", url=f"/{n}") for n in range(3)])
    assert [outcome.status for outcome in outcomes] == [204, 204, 204]
    assert [request["url"] for request in host.seen[1].json()["requests"]] == ["/1"]
    assert clock.slept == [2.128]


async def test_of_a_batch_a_long_wait_is_the_callers(graph: Graph, host: Host, clock: StillClock) -> None:
    host.script = answers({"/1": {"status": 429, "headers": {"Retry-After": 600}}})
    outcomes = await graph.batch([BatchRequest(method="DELETE", url=f"/{n}") for n in range(3)])
    assert [outcome.status for outcome in outcomes] == [204, 429, 204]
    assert (len(host.seen), clock.slept) == (1, [])


async def test_of_a_batch_a_failure_inside_is_not_sent_again(graph: Graph, host: Host) -> None:
    host.script = answers({"/1": {"status": 500, "body": "aGVsbG8="}})
    outcomes = await graph.batch([BatchRequest(method="POST", url=f"/{n}", body={}) for n in range(3)])
    assert ([outcome.status for outcome in outcomes], len(host.seen)) == ([204, 500, 204], 1)


@pytest.mark.hazard(1)
async def test_what_a_batch_does_not_mention_is_not_done(graph: Graph, host: Host) -> None:
    host.says(Say(body={"responses": [{"id": "0", "status": 204}]}))
    outcomes = await graph.batch([BatchRequest(method="DELETE", url=f"/{n}") for n in range(2)])
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [(204, ""), (504, "no_answer")]


@pytest.mark.parametrize(("say", "requests"), [(Say(act="drop"), 1), (Say(status=429), 3)])
async def test_a_whole_batch_is_sent_again_only_if_nothing_was_processed(
    graph: Graph, host: Host, say: Say, requests: int
) -> None:
    host.says(say)
    with pytest.raises(Temporary):
        await graph.batch([BatchRequest(method="DELETE", url="/1")])
    assert len(host.seen) == requests
