"""What is written is true: the tables, the names, the settings, the sizes, the locked requirements."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from infra.local.printed_tables import BLOCK, PRINTERS, ROOT, catalogues, documents, printed
from shared.cli.commands import COMMANDS
from shared.engine.rows import Activity, ByAdministrator, Change
from shared.flows.jobs import HANDLERS
from shared.foundation.schedule import TIMERS
from shared.foundation.settings import Settings
from shared.protection.inspection.conditions import Conditions, Failure
from shared.protection.policies import Action, Direction, Policy
from tests.infra.stated import names

SOURCES = [*ROOT.glob("shared/**/*.py"), *ROOT.glob("infra/**/*.py"), *ROOT.glob("gcp_functions/*.py")]
HOSTS = [ROOT / "function_app.py", ROOT / "gcp_functions" / "main.py"]


def _each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", paths, ids=lambda path: path.relative_to(ROOT).as_posix())


DOCUMENTS = _each(documents())
# A changelog names what was there before.
PRESENT = _each([path for path in documents() if path.name != "CHANGELOG.md"])
PLATFORMS = pytest.mark.parametrize("title", catalogues())
# Where the vendor's table is, as it was given to us: one line of it for each of ours.
LINES = {"Microsoft 365": 21, "Gmail": 17}


@PLATFORMS
def test_every_published_line_is_claimed_and_the_reverse(title: str) -> None:
    catalogue, lines = catalogues()[title]
    published, claimed = {line.id for line in lines}, {claim for row in catalogue for claim in row.accounts_for}
    assert published == claimed
    assert len(lines) == len(published) == LINES[title]
    assert not [row.key for row in catalogue if not row.accounts_for]
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


@DOCUMENTS
def test_a_document_shows_the_code_as_it_is(document: Path) -> None:
    assert printed(document.read_text()) == document.read_text(), "run `make format`"


def test_everything_that_can_be_printed_is_printed_once() -> None:
    found = [block["name"] for document in documents() for block in BLOCK.finditer(document.read_text())]
    assert sorted(found) == sorted(PRINTERS)


def test_the_readme_is_a_front_page() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    first_screen = "\n".join(lines[:20])
    assert "make demo" in first_screen
    assert "make run" in first_screen
    assert "infra/local/pictures/" in first_screen


def test_the_readme_leads_to_every_document() -> None:
    readme = (ROOT / "README.md").read_text()
    for document in documents():
        where = document.relative_to(ROOT).as_posix()
        assert where == "README.md" or where.removesuffix("/README.md") in readme, where


def test_the_pictures_are_small_and_shown() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").glob("*"))
    shown = (ROOT / "docs" / "console.md").read_text()
    assert len(pictures) >= 6
    for picture in pictures:
        assert (picture.suffix, f"](pictures/{picture.name})" in shown) == (".png", True), picture
        assert picture.stat().st_size < 150_000, picture


@DOCUMENTS
def test_every_link_and_picture_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert target.startswith("https://") or (document.parent / target).exists(), target


@DOCUMENTS
def test_lines_of_prose_end_before_column_120(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for line in text.splitlines():
        assert len(line) <= 120 or line.startswith(("|", "![")), line


@PRESENT
def test_every_file_that_is_named_exists(document: Path) -> None:
    for path in re.findall(
        r"(?<![\w/.])((?:shared|infra|tests|gcp_functions|docs)/[\w/.-]*[\w/])", document.read_text()
    ):
        assert (ROOT / path).exists(), path


@PRESENT
def test_every_command_that_is_named_exists(document: Path) -> None:
    text = document.read_text()
    makefile, commands = (ROOT / "Makefile").read_text(), set(COMMANDS)
    for target in re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", text, re.MULTILINE):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target
    for module in re.findall(r"-m ((?:shared|infra)[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    for noun, verb in re.findall(r"(?:^|`)(?:footprint|python -m shared) ([a-z]+)(?: ([a-z]+)|)", text, re.MULTILINE):
        assert noun in commands or f"{noun} {verb}" in commands, f"{noun} {verb}"


@PRESENT
def test_every_setting_that_is_named_exists(document: Path) -> None:
    assert set(re.findall(r"FOOTPRINT_[A-Z_]*[A-Z]", document.read_text())) <= names() | {
        "FOOTPRINT_URL",
        "FOOTPRINT_TOKEN",
        *(f"FOOTPRINT_{name}".upper() for name in Settings.model_fields),
    }


def test_the_settings_by_subject_leave_none_out() -> None:
    text = (ROOT / "docs" / "settings.md").read_text().split("<!-- printed")[0]
    for name in Settings.model_fields:
        assert re.search(rf"`{name.upper()}(`|__)", text), name


def test_what_each_timer_does_is_told() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for timer in TIMERS:
        assert f"| `{'sync-…' if timer.sites else timer.name}` |" in text, timer.name


def test_every_part_of_a_policy_is_told() -> None:
    text = (ROOT / "docs" / "policies.md").read_text()
    choices = {*get_args(Action), *get_args(Direction), *get_args(Failure)}
    for name in Policy.model_fields.keys() | Conditions.model_fields.keys() | choices:
        assert f"`{name}`" in text, name
    for example in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
        assert Policy.model_validate(json.loads(example))


def test_the_example_environment_names_every_setting() -> None:
    text = (ROOT / ".env.example").read_text()
    for name, field in Settings.model_fields.items():
        nested = getattr(field.annotation, "model_fields", None)
        if nested and name != "mail":
            for inner in nested:
                assert f"FOOTPRINT_{name}__{inner}=".upper() in text.upper(), f"{name}.{inner}"
        else:
            assert f"FOOTPRINT_{name}".upper() in text.upper(), name


# These know what stands in strangers' mail: rewriters and short names, schemes of links, lists of files.
STRANGERS = ("rewriters", "misleading", "links", "file_types")


def test_the_core_mentions_no_platform() -> None:
    """Nothing names either but their folders, the one place that registers them, and the settings by contract."""
    named = re.compile(r"google|gmail|microsoft|exchange online|entra\b|office ?365|graph\.", re.IGNORECASE)
    platforms = (
        "shared/platforms/microsoft365/",
        "shared/platforms/google_workspace/",
        "shared/service.py",
        "shared/foundation/settings.py",
        "shared/foundation/platform_settings.py",
        "shared/foundation/brand.py",
    )
    # These name a cloud to run in, not a platform that is protected.
    rooms = ("anchor_stores.py", "identity.py", "own_database.py", "master_keys/", "queues/")
    clouds = tuple(f"shared/deployment/{name}" for name in rooms)
    strangers = tuple(f"shared/protection/inspection/{name}.py" for name in STRANGERS)
    for path in [*ROOT.glob("shared/**/*.py"), *ROOT.glob("shared/**/*.html"), *ROOT.glob("shared/**/*.css")]:
        where = path.relative_to(ROOT).as_posix()
        if not where.startswith((*platforms, *clouds, *strangers)):
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
        "shared.flows.timers",
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
