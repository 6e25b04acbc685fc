"""What is written is true: the table, the settings, the routes, the sizes, the locked requirements."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from infra.local.printed_tables import README, catalogues, printed
from shared.engine.rows import Activity, ByAdministrator, Change
from shared.flows.jobs import HANDLERS
from shared.foundation.settings import Settings
from shared.web.routes import ROUTES

ROOT = README.parent
SOURCES = [*ROOT.glob("shared/**/*.py"), *ROOT.glob("infra/**/*.py"), *ROOT.glob("gcp_functions/*.py")]
HOSTS = [ROOT / "function_app.py", ROOT / "gcp_functions" / "main.py"]


PLATFORMS = pytest.mark.parametrize("title", catalogues())
# Where the vendor's table is, as it was given to us: one line of it for each of ours.
LINES = {"Microsoft 365": 21, "Gmail": 17}


@PLATFORMS
def test_every_published_line_is_claimed_and_the_reverse(title: str) -> None:
    catalogue, lines = catalogues()[title]
    published, claimed = {line.id for line in lines}, {claim for row in catalogue for claim in row.claims}
    assert published == claimed
    assert len(lines) == len(published) == LINES[title]
    assert not [row.key for row in catalogue if not row.claims]
    assert len({row.key for row in catalogue}) == len(catalogue)


@PLATFORMS
def test_every_row_serves_and_needs_rows_that_exist_and_runs_a_job_that_exists(title: str) -> None:
    catalogue, _ = catalogues()[title]
    keys = {row.key for row in catalogue}
    for row in catalogue:
        if isinstance(row, Change):
            assert set(row.serves) | set(row.needs) <= keys, row.key
        if isinstance(row, ByAdministrator):
            assert set(row.serves) <= keys, row.key
        if isinstance(row, Activity):
            assert row.job in HANDLERS


def test_the_readme_shows_the_catalogue_as_it_is() -> None:
    assert printed(README.read_text()) == README.read_text(), "run `make format`"


def test_the_readme_names_every_api_route() -> None:
    text = README.read_text()
    for route in ROUTES:
        if route.path.startswith("/api/connections/"):
            tail = route.path.removeprefix("/api/connections/{id}").split("/{")[0]
            assert f"{{id}}{tail}" in text, route.name


def test_every_link_and_picture_in_the_documents_leads_somewhere() -> None:
    for document in (*ROOT.glob("*.md"), *ROOT.glob("infra/*/*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            assert target.startswith("https://") or (document.parent / target).exists(), f"{document}: {target}"


def test_every_make_target_in_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for document in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"`?make ([a-z-]+)", (ROOT / document).read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE) or target in ("are",), target


def test_the_example_environment_names_every_setting() -> None:
    text = (ROOT / ".env.example").read_text()
    for name, field in Settings.model_fields.items():
        nested = getattr(field.annotation, "model_fields", None)
        if nested and name != "mail":
            for inner in nested:
                assert f"FOOTPRINT_{name}__{inner}=".upper() in text.upper(), f"{name}.{inner}"
        else:
            assert f"FOOTPRINT_{name}".upper() in text.upper(), name


def test_the_core_mentions_no_platform() -> None:
    """Nothing names either but their folders, the one place that registers them, and the settings by contract."""
    named = re.compile(r"google|gmail|microsoft|exchange online|entra\b|office ?365|graph\.", re.IGNORECASE)
    platforms = (
        "shared/platforms/microsoft365/",
        "shared/platforms/google_workspace/",
        "shared/service.py",
        "shared/foundation/settings.py",
    )
    # These name a cloud to run in, not a platform that is protected.
    clouds = ("shared/deployment/identity.py", "shared/deployment/master_keys/", "shared/deployment/queues/")
    for path in [*ROOT.glob("shared/**/*.py"), *ROOT.glob("shared/**/*.html"), *ROOT.glob("shared/**/*.css")]:
        where = path.relative_to(ROOT).as_posix()
        if not where.startswith((*platforms, *clouds)):
            found = named.search(path.read_text())
            assert found is None, f"{where}: {found[0] if found else ''}"


def test_no_module_is_too_long() -> None:
    for path in SOURCES:
        assert len(path.read_text().splitlines()) <= 300, path
    for path in HOSTS:
        assert len(path.read_text().splitlines()) < 120, path


def test_azures_host_knows_no_flow() -> None:
    tree = ast.parse(HOSTS[0].read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    ours = {one.module for one in found if str(one.module).startswith("shared.")}
    ours -= {"shared.flows"}
    ours |= {f"shared.flows.{alias.name}" for one in found if one.module == "shared.flows" for alias in one.names}
    assert ours == {
        "shared.flows.app",
        "shared.flows.jobs",
        "shared.deployment.queues",
        "shared.foundation.schedule",
        "shared.service",
        "shared.web.dispatch",
        "shared.web.http",
        "shared.web.routes",
    }


def test_the_locked_requirements_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = (ROOT / "requirements.txt").read_text().lower()
    for line in project["dependencies"]:
        wanted = re.match(r"([a-z0-9-]+)(?:\[[a-z]+\])?==([0-9.]+)", line.lower())
        if wanted:
            assert f"\n{wanted[1]}=={wanted[2]}" in "\n" + locked, line


def test_nothing_happens_at_import(tmp_path: Path) -> None:
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            # Whose own affair it is when garbage is collected.
            assert not called or path in HOSTS or path.parent.name == "migrations", f"{path}:{node.lineno}"
