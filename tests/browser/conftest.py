"""A browser before a machine that is a whole cloud: what a person sees and clicks, on a desk and on a phone."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.programs import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.person import Person

ROOT = Path(__file__).parents[2]
# The machine's network may be closed, and nothing of this is about anybody else's services.
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    from tests.browser.person import AXE

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("skipped: there is no Chromium here (apt-get install chromium)")
    if not AXE.exists():
        pytest.skip("skipped: axe-core is not installed (make parts)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS, chromium_sandbox=False)
        yield started
        started.close()


@pytest.fixture(params=["desk", "phone"])
def person(browser: "Browser", request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[Person]":
    """Somebody before a fresh machine, as `make run` starts it, with the link that it prints."""
    from tests.browser.person import Person

    folder = request.config.getoption("--screenshots")
    shots = Path(folder).resolve() / request.node.originalname if folder else tmp_path
    command, environment = [sys.executable, "-m", "infra.local", "run"], {"PORT": "0", "PYTHONPATH": str(ROOT)}
    with running(command, ready=r"Console \(sign in once\)\s+(\S+)", environment=environment) as found:
        made = Person.at(browser, size=request.param, sign_in=found[1], shots=shots)
        yield made
        made.leave()
