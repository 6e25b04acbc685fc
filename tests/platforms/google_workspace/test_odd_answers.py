"""Odd answers of Google's JSON APIs: none of them is an empty page, and none is followed for ever."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.foundation.errors import Temporary
from shared.foundation.wire import Wire
from shared.platforms.google_workspace.api import Api
from shared.platforms.google_workspace.methods import MEMBERS_LIST
from tests.harness import scripted_host_fixtures as fixtures
from tests.harness.scripted_host import Host, Say, StillClock

# Fixtures of this file alone: the other tests of this folder have another clock.
authority, ca_file, clock, host, wire = (
    fixtures.authority,
    fixtures.ca_file,
    fixtures.clock,
    fixtures.host,
    fixtures.wire,
)

ARGS, PARAMS = {"groupKey": "g"}, {"fields": "nextPageToken,members(id,type)"}


@pytest.fixture
async def api(clock: StillClock, host: Host, wire: Wire) -> AsyncIterator[Api]:
    async def token() -> str:
        return "token"

    async with wire.client(host.url) as http:
        yield Api(http, token=token, renew=token, clock=clock, note=lambda *_: None)


async def listed(api: Api) -> list[Any]:
    """Every member of a group."""
    return [row async for page in api.pages(MEMBERS_LIST, ARGS, params=PARAMS, key="members") for row in page]


@pytest.mark.hazard(1)
@pytest.mark.parametrize(
    "say",
    [
        Say(),
        Say(status=204),
        Say(status=206, body={"members": []}),
        Say(body=b"null"),
        Say(body=b"[]"),
        Say(body={"error": {"code": 500, "message": "Backend Error"}}),
        Say(body={"members": {}}),
        Say(body={"members": None}),
        Say(body={"members": ["a"]}),
    ],
    ids=["empty", "204", "206", "null", "list", "error_inside", "object", "null_rows", "no_records"],
)
async def test_what_is_no_page_is_no_empty_page(api: Api, host: Host, say: Say) -> None:
    host.says(say)
    with pytest.raises(Temporary, match="unreadable_answer"):
        await listed(api)


async def test_a_group_without_members_is_an_empty_object(api: Api, host: Host) -> None:
    host.says(Say(body={}))
    assert await listed(api) == []


async def test_a_listing_with_ever_new_tokens_ends_as_a_failure(api: Api, host: Host) -> None:
    host.script = lambda _: Say(body={"members": [], "nextPageToken": str(len(host.seen))})
    with pytest.raises(Temporary, match="listing_without_end"):
        await listed(api)


async def test_a_moment_that_there_is_not_is_waited_for_as_if_none_were_told(
    api: Api, host: Host, clock: StillClock
) -> None:
    message = "User-rate limit exceeded.  Retry after 2026-02-30T25:00:00.000Z"
    error = {"code": 429, "message": message, "errors": [{"reason": "userRateLimitExceeded"}]}
    host.says(Say(status=429, body={"error": error}), Say(body={"members": [{"id": "a"}]}))
    assert await listed(api) == [{"id": "a"}]
    assert len(clock.slept) == 1
