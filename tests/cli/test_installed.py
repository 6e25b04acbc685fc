"""What `pip install` makes of the project: the command `footprint`, and everything that the package reads."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shared import __version__
from tests.cli.line import DEADLINE_SECONDS, ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - our own words
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def footprint(installed: Path, *typed: str, libraries: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run the command as its script does; without `libraries` Python finds no package but ours."""
    code = "from importlib.metadata import entry_points as e; (one,) = e(group='console_scripts', name='footprint')"
    python = [sys.executable] if libraries else [sys.executable, "-S"]
    known = {**os.environ, "PYTHONPATH": str(installed), "FOOTPRINT_URL": "http://127.0.0.1:1", "FOOTPRINT_TOKEN": "x"}
    return subprocess.run(  # noqa: S603 - our own words
        [*python, "-c", f"{code}; one.load()()", *typed],
        cwd=installed,
        env=known,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def test_nothing_is_missing_and_nothing_else_is_installed(installed: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "shared"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    ours = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    files = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    information = f"footprint-{__version__}.dist-info/"
    assert {name for name in files if not name.startswith(information)} == ours
    assert {"shared/flows/reports/report.html", "shared/web/templates/index.html"} <= files


def test_the_command_runs(installed: Path) -> None:
    version = footprint(installed, "--version")
    assert (version.returncode, version.stdout) == (0, f"footprint {__version__}\n")
    assert "Usage: footprint" in footprint(installed, "--help").stdout
    asked = footprint(installed, "connections", "list")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr.startswith("Cannot connect to http://127.0.0.1:1: Connection refused.")


def test_without_its_extra_it_says_what_to_install(installed: Path) -> None:
    refused = footprint(installed, "connections", "list", libraries=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "pip install '.[cli]'" in refused.stderr
    version = footprint(installed, "--version", libraries=False)
    assert version.returncode == 0
    assert version.stdout.startswith(f"footprint {__version__} ")
