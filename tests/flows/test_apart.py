"""What faces the internet and what opens tenants in two processes: whole lives, with neither doing the other's part."""

import json

import pytest
import sqlalchemy as sa

from shared.connections.stages import Stage
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.apart import Apart
from tests.harness.client import ask
from tests.harness.world import World


@pytest.mark.parametrize("platform", ["microsoft365", "google"])
async def test_a_life_with_the_two_apart(world: World, platform: str) -> None:
    both, token = await Apart.of(world), world.sims.operator_token()
    public, workers = both.public, both.workers
    if platform == "google":
        made = await google.create(public, modes=["api"])
        workers.admin("install-app", "orchard.example")
    else:
        made = await public.create()
    await both.consent(made)
    if platform == "microsoft365":
        workers.admin("assign-role")
    running = await workers.until_true(made, lambda now: now.stage is Stage.RUN and now.synced_at is not None)

    # A plan is a worker's look; an order by it is the browser's, as ever.
    path = f"/api/connections/{running.id}"
    asked = await ask(public, "GET", f"{path}/plan?for=revoke", token=token)
    assert (asked.status, json.loads(asked.body)["code"], asked.headers["Retry-After"]) == (409, "look_under_way", "3")
    page = await ask(public, "GET", f"/connections/{running.id}/plan?for=revoke&fresh=1", token=token)
    assert (page.status, page.headers["Refresh"]) == (200, "3")
    await workers.work()
    seen = await ask(public, "GET", f"{path}/plan?for=revoke", token=token)
    assert json.loads(seen.body)["steps"] != []
    assert b"Result of a check" in (await ask(public, "GET", page_of(running.id), token=token)).body
    if platform == "google":
        books = f"{path}/operations/matched?hours=1"
        assert (await ask(public, "GET", books, token=token)).status == 409
        await workers.work()
        assert json.loads((await ask(public, "GET", books, token=token)).body)["methods"] != []
    other = await ask(public, "POST", f"{path}/revoke", token=token, body={}, if_match='"another"')
    assert other.status == 412
    done = await ask(public, "POST", f"{path}/revoke", token=token, body={}, if_match=seen.headers["ETag"])
    assert done.status == 202

    await workers.until_true(running, lambda now: now.reason == "waiting_for_administrator")
    workers.admin("remove-application" if platform == "microsoft365" else "uninstall-app", domain_of(platform))
    await workers.until(running, Stage.CLOSED)
    # What was seen for somebody who asked is not kept.
    await workers.tick()
    async with world.app.database.read() as read:
        for table in (db.looks, db.callbacks):
            assert (await read.execute(sa.select(table))).all() == []
    ended = await ask(public, "GET", f"{path}/certificate", token=world.sims.operator_token())
    assert ended.status == 200, ended.body


def page_of(number: str) -> str:
    """A plan's page that looks."""
    return f"/connections/{number}/plan?for=revoke&fresh=1"


def domain_of(platform: str) -> str:
    """Whose tenant it is."""
    return "contoso.com" if platform == "microsoft365" else "orchard.example"
