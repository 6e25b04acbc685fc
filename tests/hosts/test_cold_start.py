"""What a cold start does not pay for: what is imported, and when. Times are measured by `make bench`."""

import json
import os
import subprocess
import sys
from inspect import iscoroutinefunction, signature
from pathlib import Path

import pytest

from infra.local.bench import cold_start as bench_start
from shared.web.dispatch import handler
from shared.web.routes import ROUTES, Route

ROOT = Path(__file__).parents[2]
# Each of these costs as much as all of our own modules together.
NEVER_AT_FIRST = {
    "httpx",
    "msal",
    "google.auth",
    "jwt",
    "alembic",
    "jinja2",
    "dns",
    "sqlalchemy.orm",
    "azure.storage.queue",
    "opentelemetry",
    "smtplib",
    "selectolax",
    "can_ada",
    "publicsuffixlist",
    "webencodings",
    "confusable_homoglyphs",
    "olefile",
    "pypdf",
    "re2",
    "shared.platforms.microsoft365.platform",
    "shared.platforms.google_workspace.platform",
    "shared.flows.jobs",
    "shared.engine.plan",
    "shared.web.openapi",
    "shared.web.idempotency",
}
NOT_AT_IMPORT = NEVER_AT_FIRST | {"sqlalchemy", "pydantic", "pydantic_settings", "cryptography", "shared.service"}


def loaded(code: str, **environment: str) -> set[str]:
    """The modules that a fresh process has imported after some code."""
    code += "\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_a_host_imports_nothing_that_costs() -> None:
    assert loaded("import function_app") & NOT_AT_IMPORT == set()
    # Its framework brings an HTTP stack of its own.
    assert loaded("import gcp_functions.main") & (NOT_AT_IMPORT - {"jinja2"}) == set()


@pytest.mark.parametrize("functions", ["all", "public", "private"])
def test_an_app_has_the_functions_that_its_setting_names(functions: str) -> None:
    named = "[one.get_function_name() for one in function_app.app.get_functions()]"
    code = f"import function_app, json; print(json.dumps({named}))"
    environment = {**os.environ, "FOOTPRINT_FUNCTIONS": functions}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)  # noqa: S603 - our own words
    found, routes = set(json.loads(done.stdout)), {route.name for route in ROUTES}
    assert found & routes == (set() if functions == "private" else routes)
    assert ({"sweep", "run_jobs", "give_up_clean_up"} <= found) == (functions != "public")
    assert bool(found - routes) == (functions != "public")


@pytest.mark.parametrize("function", ["health", "list_connections"])
async def test_the_first_answer_from_the_database_imports_no_flow_and_no_platform(
    tmp_path: Path, function: str
) -> None:
    environment = await bench_start.prepared(tmp_path)
    code = bench_start.FIRST.replace("os._exit(0)", "return")
    known = loaded(code, **environment, BENCH_FUNCTION=function)
    assert "sqlalchemy" in known
    assert known & NEVER_AT_FIRST == set()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_names_a_handler(route: Route) -> None:
    found = handler(route.handler)
    assert iscoroutinefunction(found)
    first, second, *rest = signature(found).parameters
    assert [first.lstrip("_"), second.lstrip("_")] == ["app", "request"]
    assert set(rest) <= {"query", "body", "seen", "planned"}
