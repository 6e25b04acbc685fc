"""Steps that tests of reports take: let a week end, run the job, ask over HTTP."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.flows.reports import store
from shared.flows.reports.periods import Frequency
from shared.flows.reports.store import Subscription
from shared.web.http import Response
from tests.harness import client
from tests.harness.world import World

ROOT = Path(__file__).parents[3]
BERLIN = ZoneInfo("Europe/Berlin")
ANNA, BERT = "anna@contoso.com", "bert@contoso.com"
HALF_AN_HOUR = timedelta(minutes=30)


async def until(world: World, moment: datetime) -> None:
    """Let the time come, with nothing done meanwhile."""
    world.clock.move(moment - world.clock.now())


async def monday(world: World, after: timedelta = HALF_AN_HOUR) -> datetime:
    """Go to the next Monday in Berlin, some time after midnight."""
    today = world.clock.now().astimezone(BERLIN).date()
    at = datetime.combine(today + timedelta(days=7 - today.weekday()), datetime.min.time(), BERLIN).astimezone(UTC)
    await until(world, at + after)
    return at


async def report(world: World, connection: Connection) -> list[store.ReportSummary]:
    """Run the job, and tell which reports there are, oldest first."""
    await run(world.app, Job(name="report", connection_id=connection.id))
    return list(reversed(await newest_first(world, connection)))


async def newest_first(world: World, connection: Connection) -> list[store.ReportSummary]:
    """The reports that there are."""
    return (await store.page(world.app.database, connection.id, most=100))[0]


async def subscribe(world: World, connection: Connection, *recipients: str, kinds: tuple[Frequency, ...]) -> None:
    """Say which reports there are."""
    wanted = Subscription(kinds=list(kinds), recipients=list(recipients))
    await store.subscribe(world.app.database, connection, wanted, lambda _: None, actor="anna", now=world.clock.now())


async def ask(world: World, method: str, path: str, body: Any = None, **headers: str) -> Response:
    """An operator's request."""
    return await client.ask(world, method, path, token=world.sims.operator_token(), body=body, **headers)
