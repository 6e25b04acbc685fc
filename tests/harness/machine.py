"""The local machine in a process of its own, for tests that reach it as anybody would: by its addresses.

Prints one line of JSON when it is ready, and ends with its standard input.
"""

import asyncio
import json
import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from infra.local.demo import browser as demo_browser
from tests.harness.world import CONTROL
from tests.programs import running

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class OneMachine:
    """Where it is, and what its simulators let somebody do beside it."""

    address: str
    control: str
    ca_file: str

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """One call of the simulators' control API."""
        return CONTROL.request(method, f"{self.control}/_sim{path}", json=body).raise_for_status()

    def token(self, **more: str) -> str:
        """A token for an operator, or for the account that is described."""
        found: str = self.ask("POST", "/operator-token", more).json()["token"]
        return found

    def pass_time(self, by: timedelta) -> None:
        """Time passes, for the service and the platforms alike."""
        self.ask("POST", "/clock", {"advance": by.total_seconds()})

    def tenant(self, domain: str) -> str:
        """The id of a simulated tenant."""
        return next(str(one["id"]) for one in self.ask("GET", "/tenants").json() if one["domain"] == domain)

    def administrator(self, domain: str, action: str) -> None:
        """The tenant's administrator does something."""
        self.ask("POST", f"/tenants/{self.tenant(domain)}/admin", {"action": action})

    def snapshot(self, domain: str) -> str:
        """The tenant's whole state as canonical JSON."""
        return self.ask("GET", f"/tenants/{self.tenant(domain)}/snapshot").text

    def consent(self, link: str, chosen: str) -> None:
        """The administrator follows the link and accepts; `chosen` is what they choose on the platform's page."""

        trusted = ssl.create_default_context(cafile=self.ca_file)

        async def browse() -> None:
            async with httpx.AsyncClient(verify=trusted, trust_env=False, follow_redirects=True) as browser:
                await demo_browser.consent(browser, link, chosen)

        asyncio.run(browse())


@contextmanager
def one_machine(**settings: str) -> Iterator[OneMachine]:
    """Run it until the block is left, with these names in its environment."""
    command = [sys.executable, "-m", "tests.harness.machine"]
    with running(command, ready=r"(\{.*\})\n", environment={"PYTHONPATH": str(ROOT), **settings}) as found:
        yield OneMachine(**json.loads(found[1]))


async def _run() -> None:
    from infra.local.machine import machine

    with tempfile.TemporaryDirectory(prefix="machine-") as folder:
        async with machine(Path(folder)) as here:
            ca_file = here.simulators.settings["FOOTPRINT_CA_FILE"]
            found = {"address": here.address, "control": here.simulators.control, "ca_file": ca_file}
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_run())
