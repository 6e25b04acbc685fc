"""What a cold start costs: fresh processes, timed from their beginning to the moment they have something to say."""

import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from shared.foundation.settings import AzureStorage, MasterKey, Settings
from shared.service import build
from shared.storage.migrate import migrate
from shared.web import sessions
from shared.web.actors import Actor, Role

ROOT = Path(__file__).parents[3]
RUNS = 9
FLOOR = "azure.functions alone"
OURS = "import of function_app"
LEAST = "azure.functions, SQLAlchemy and its driver, one row"
# What an answer from the database takes at least, from any program.
ONE_ROW = """
import asyncio, os, azure.functions, sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
async def go():
    async with create_async_engine("sqlite+aiosqlite://").connect() as connection:
        await connection.execute(sa.text("SELECT 1"))
    print("ready", flush=True)
    os._exit(0)
asyncio.run(go())
"""
# A whole process of the Azure host that answers one request through its function, as the worker would have it do.
FIRST = """
import asyncio, os, azure.functions as func, function_app
functions = {one.get_function_name(): one.get_user_function() for one in function_app.app.get_functions()}
request = func.HttpRequest(method="GET", url="/", headers={"cookie": os.environ["BENCH_COOKIE"]}, params={},
    route_params={}, body=b"")
async def go():
    answer = await functions[os.environ["BENCH_FUNCTION"]](request)
    print(answer.status_code, flush=True)
    os._exit(0)
asyncio.run(go())
"""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A process whose first line is awaited."""

    title: str
    code: str
    more: Mapping[str, str] | None = None
    says: str = "ready"


def _imports(title: str, names: str) -> Start:
    return Start(title=title, code=f"import {names}\nprint('ready', flush=True)")


def starts(environment: Mapping[str, str]) -> list[Start]:
    """The floor, and ours."""
    answers = [
        Start(
            title=f"first answer of {name}, from the database",
            code=FIRST,
            says="200",
            more={
                **environment,
                "BENCH_FUNCTION": name,
            },
        )
        for name in ("health", "list_connections")
    ]
    least = Start(title=LEAST, code=ONE_ROW)
    return [_imports(FLOOR, "azure.functions"), _imports(OURS, "function_app"), least, *answers]


def until_told(start: Start) -> float:
    """Seconds from the process's beginning to its first line."""
    begin = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", start.code],
        cwd=ROOT,
        env={**os.environ, **(start.more or {})},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the types: it is a pipe
        told = process.stdout.readline().strip()
        taken = time.perf_counter() - begin
    if told != start.says:
        raise RuntimeError(f"{start.title}: says {told!r}")
    return taken


async def prepared(folder: Path) -> dict[str, str]:
    """A migrated database, and the cookie of a session in it."""
    url, account = f"sqlite+aiosqlite:///{folder / 'footprint.db'}", "https://example.queue.core.windows.net"
    key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    app = build(
        Settings(
            database_url=url,
            master_key=MasterKey(value=SecretStr(key)),
            queue="azure-storage",
            azure_storage=AzureStorage(queue_url=account),
        )
    )
    await migrate(app.database)
    session = await sessions.begin(app, Actor(name="console", role=Role.OPERATOR))
    await app.database.close()
    return {
        "FOOTPRINT_DATABASE_URL": url,
        "FOOTPRINT_MASTER_KEY__VALUE": key,
        "FOOTPRINT_QUEUE": "azure-storage",
        "FOOTPRINT_AZURE_STORAGE__QUEUE_URL": account,
        "BENCH_COOKIE": session.partition(";")[0],
    }


def measured(runs: int = RUNS) -> dict[str, float]:
    """The median seconds of each start; they take turns, so that a slow moment of the machine is everybody's."""
    # A deployment brings its compiled modules along.
    subprocess.run([sys.executable, "-m", "compileall", "-q", "shared", "function_app.py"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        asked = starts(asyncio.run(prepared(Path(folder))))
        times: dict[str, list[float]] = {start.title: [] for start in asked}
        for _ in range(runs):
            for start in asked:
                times[start.title].append(until_told(start))
    return {title: statistics.median(taken) for title, taken in times.items()}
