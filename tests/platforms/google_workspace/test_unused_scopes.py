"""A permission that nothing uses is told after 30 days, from the log of calls."""

import json
from datetime import timedelta

import sqlalchemy as sa

from shared.platforms.google_workspace.methods import METHODS
from shared.platforms.google_workspace.scopes import AUDIT, CUSTOMER, PERMISSIONS, USED_BY
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.world import World


async def test_a_scope_that_no_call_has_used_for_a_month_is_a_finding(world: World) -> None:
    connection, token = await google.connect(world), world.sims.operator_token()
    path = f"/api/connections/{connection.id}/findings"

    async def unused() -> list[str]:
        found = json.loads((await ask(world, "GET", path, token=token)).body)["findings"]
        return [one["key"] for one in found if one["key"].startswith("unused/")]

    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.operations).where(db.operations.c.method == "reports.activities.list"))
    assert await unused() == []  # it has not been here for long
    async with world.app.database.write() as write:
        long_ago = {"stage_since": world.clock.now() - timedelta(days=31)}
        await write.execute(sa.update(db.connections).values(**long_ago))
    assert f"unused/{AUDIT}" in await unused()
    # It is nothing that we put right, and somebody may say why it stays.
    keys = {"findings": [f"unused/{AUDIT}"], "reason": "the audit log is wanted for the end"}
    assert (await ask(world, "POST", path, token=token, body={**keys, "way": "repair"})).status == 409
    assert (await ask(world, "POST", path, token=token, body={**keys, "way": "accept"})).status == 202


def test_every_scope_says_which_calls_use_it() -> None:
    assert USED_BY.keys() == {one.name for one in PERMISSIONS} - {CUSTOMER}
    for begins in USED_BY.values():
        assert all(any(name.startswith(one) for name in METHODS) for one in begins)
