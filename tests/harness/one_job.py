"""One job in a process of its own, which can be stopped: `python -m tests.harness.one_job`, told on stdin."""

import asyncio
import json
import sys
from pathlib import Path

from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.service import build
from tests.harness.clock import TestClock
from tests.harness.settings import settings_from
from tests.harness.world import MASTER_KEY


async def main() -> None:
    """Run it to its end."""
    told = json.load(sys.stdin)
    settings = settings_from(
        told["environment"],
        database_url=told["database"],
        master_key={"value": MASTER_KEY},
        public_url="http://127.0.0.1:8080",
    )
    app = build(settings, TestClock(Path(told["clock"])))
    await run(app, Job(name=told["job"], connection_id=told["connection"]))
    await app.database.close()


if __name__ == "__main__":
    asyncio.run(main())
