"""The local machine in a process of its own, with something in it: a running connection of each platform, with
policies, quarantine and a report, one that has come to its end with a certificate, and one that nobody has used.

Prints one line of JSON when it is ready, and ends with its standard input.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import httpx
from rich.console import Console

from infra.local.demo import google_workspace as demo_google
from infra.local.demo import microsoft365 as demo_microsoft365
from infra.local.demo.mail import impersonate
from infra.local.demo.story import Demo, Life, Story, begin, live
from infra.local.machine import machine
from shared.protection.policies import Policy


async def _half(demo: Demo, story: Story) -> Life:
    """A life until it runs."""
    life = await begin(demo, story)
    for chapter in story.chapters[:2]:
        await chapter.happens(life)
    return life


async def _mail_waits(life: Life) -> None:
    """One more message is in quarantine, and stays there."""
    await impersonate(life)

    async def waits() -> bool:
        return bool((await life.api("GET", "/quarantine"))["waiting"])

    assert await life.comes(waits)
    await life.api("POST", "/quarantine/export")


async def _run() -> None:
    with tempfile.TemporaryDirectory(prefix="machine-") as folder:
        async with (
            machine(Path(folder)) as here,
            httpx.AsyncClient(base_url=here.address, trust_env=False, timeout=30) as operator,
        ):
            demo = Demo(place=here, operator=operator, console=Console(quiet=True))
            closed = await live(demo, demo_microsoft365.STORY)
            running = [await _half(demo, story) for story in (demo_microsoft365.STORY, demo_google.STORY)]
            new = await demo.api("POST", "/connections", {**closed.story.connection, "tenant": "fabrikam.com"})
            await _mail_waits(running[1])
            assert not demo.failures, demo.failures
            report = (await running[1].api("GET", "/reports"))["reports"][0]["name"]
            item = (await running[1].api("GET", "/quarantine"))["items"][0]["id"]
            policy = Policy.model_json_schema()["examples"][0]
            for life in running:
                kept = policy if life is running[1] else {"name": policy["name"], "everyone": True}
                await life.api("PUT", f"/policies/{policy['name']}", kept)
            found = {
                "policy": policy["name"],
                "address": here.address,
                "token": here.simulators.operator_token(role="admin"),
                "closed": closed.id,
                "running": [life.id for life in running],
                "new": new["id"],
                "report": report,
                "item": item,
            }
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_run())
