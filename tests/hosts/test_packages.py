"""The archives that are deployed: what is in them, that they are the same each time, that they start by themselves."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from infra.package import FILES, FOLDERS, ROOT, RUNTIME, package

CLOUDS = pytest.mark.parametrize("cloud", ["azure", "gcp"])
# Longer than any start here takes.
DEADLINE_SECONDS = 60.0
ON_AZURE = """
import asyncio, json, azure.functions, function_app
functions = {each.get_function_name(): each for each in function_app.app.get_functions()}
request = azure.functions.HttpRequest("GET", "/api/health", body=b"")
answer = asyncio.run(functions["health"].get_user_function()(request))
print(json.dumps({"functions": sorted(functions), "status": answer.status_code}))
"""


@dataclass(frozen=True)
class Unpacked:
    """An archive in a folder of its own, with a Python that has nothing but the archive's own requirements."""

    folder: Path
    python: Path

    def run(self, *arguments: str, **settings: str) -> str:
        """Run its Python in it, and return what it prints."""
        done = subprocess.run(  # noqa: S603 - our own words
            [self.python, *arguments],
            cwd=self.folder,
            env=_environment(settings),
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """Without this process's own settings, and without the checkout on the path."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("FOOTPRINT_", "PYTHON"))} | settings


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Unpacked]:
    """Unpacks an archive once, and installs what it asks for."""
    made: dict[str, Unpacked] = {}

    def unpack(cloud: str) -> Unpacked:
        if cloud not in made:
            folder = tmp_path_factory.mktemp(cloud)
            package(cloud, folder / "package.zip")
            with zipfile.ZipFile(folder / "package.zip") as archive:
                archive.extractall(folder / "app")
            made[cloud] = Unpacked(folder / "app", _installed(folder))
        return made[cloud]

    return unpack


def _installed(folder: Path) -> Path:
    uv, python = Path(sys.executable).with_name("uv"), folder / "venv" / "bin" / "python"
    for command in (
        [uv, "venv", "-q", "--python", sys.executable, folder / "venv"],
        [uv, "pip", "install", "-q", "--python", python, "-r", folder / "app" / "requirements.txt"],
    ):
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
        except FileNotFoundError:
            pytest.skip("uv is not there (make .venv/ready)")
        if done.returncode:
            pytest.skip(f"the archive's requirements cannot be installed here: {done.stderr.strip()[-300:]}")
    return python


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """The least that an app needs to answer."""
    return {
        "FOOTPRINT_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/footprint.db",
        "FOOTPRINT_MASTER_KEY__VALUE": "A" * 43,
        "FOOTPRINT_CLOUD_TASKS__LOCATION": "projects/example/locations/europe-west1",
        "FOOTPRINT_CLOUD_TASKS__ACCOUNT": "invoker@example.iam.gserviceaccount.com",
        "FOOTPRINT_CLOUD_TASKS__JOB_URL": "https://job.example.com",
        "FOOTPRINT_CLOUD_TASKS__SCHEDULE_URL": "https://schedule.example.com",
    }


@CLOUDS
def test_an_archive_holds_the_app_and_nothing_else(cloud: str, tmp_path: Path) -> None:
    package(cloud, tmp_path / "package.zip")
    found = set(zipfile.ZipFile(tmp_path / "package.zip").namelist())
    expected = set(FILES[cloud])
    for folder in FOLDERS[cloud]:
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        expected |= {path.relative_to(ROOT).as_posix() for path in files}
    assert {name for name in found if not name.endswith(".pyc")} == expected
    kinds = {Path(name).suffix for name in expected}
    assert kinds <= {".py", ".html", ".css", ".js", ".svg", ".mako", ".txt", ".json"}, (
        "something strange lies in a folder"
    )
    assert {
        "shared/web/templates/base.html",
        "shared/storage/migrations/script.py.mako",
        "shared/storage/migrate.py",
    } <= found


@CLOUDS
def test_each_module_lies_beside_its_compiled_form(cloud: str, tmp_path: Path) -> None:
    if sys.version_info[:2] != RUNTIME:
        pytest.skip("only the clouds' version of Python compiles for them")
    package(cloud, tmp_path / "package.zip")
    found = set(zipfile.ZipFile(tmp_path / "package.zip").namelist())
    for name in found:
        if name.endswith(".py"):
            path = Path(name)
            assert (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").as_posix() in found, name


@CLOUDS
def test_the_same_files_give_the_same_archive(cloud: str, tmp_path: Path) -> None:
    digests = set()
    script = "import pathlib, sys, infra.package as p; p.package(sys.argv[1], pathlib.Path(sys.argv[2]))"
    for seed in ("1", "2"):
        subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", script, cloud, tmp_path / seed],
            cwd=ROOT,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
        digests.add(hashlib.sha256((tmp_path / seed).read_bytes()).hexdigest())
    assert len(digests) == 1


@CLOUDS
def test_what_is_installed_is_what_the_tests_ran_on(cloud: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = _pins(FILES[cloud]["requirements.txt"])
    assert locked <= _pins("requirements-dev.txt")
    names = {line.partition("==")[0] for line in locked}
    for extra, wanted in project["optional-dependencies"].items():
        first = {re.split(r"[=\[]", line)[0] for line in wanted}
        assert (first <= names) if extra == cloud else not (first & names), extra
    assert {re.split(r"[=\[<>]", line)[0] for line in project["dependencies"]} <= names


def _pins(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    return {line.removesuffix(" \\") for line in lines if "==" in line and not line.startswith(" ")}


def test_on_azure_it_starts_and_answers(unpacked: Callable[[str], Unpacked], settings: dict[str, str]) -> None:
    app = unpacked("azure")
    before = _files(app.folder)
    app.run("-m", "shared.storage.migrate", **settings)
    said = json.loads(
        app.run(
            "-c",
            ON_AZURE,
            FOOTPRINT_QUEUE="azure-storage",
            FOOTPRINT_AZURE_STORAGE__QUEUE_URL="https://example.queue.core.windows.net",
            **settings,
        )
    )
    assert said["status"] == 200
    assert {"health", "sweep", "run_jobs", "give_up_clean_up"} <= set(said["functions"])
    assert _files(app.folder) == before, "something was compiled at the start"
    assert "no" in app.run("-c", _has("functions_framework"))


@pytest.mark.parametrize(
    ("target", "path", "status"), [("http", "/api/health", 200), ("job", "/", 401), ("schedule", "/sweep", 401)]
)
def test_on_google_it_starts_and_answers(
    unpacked: Callable[[str], Unpacked], settings: dict[str, str], target: str, path: str, status: int
) -> None:
    app = unpacked("gcp")
    before = _files(app.folder)
    app.run("-m", "shared.storage.migrate", **settings)
    method = "GET" if target == "http" else "POST"
    with _served(app, target, settings) as url:
        assert httpx.request(method, url + path, trust_env=False).status_code == status
    assert _files(app.folder) == before, "something was compiled at the start"
    assert "no" in app.run("-c", _has("azure.functions"))


def _has(module: str) -> str:
    return f"import importlib.util as u; print('yes' if u.find_spec('{module.partition('.')[0]}') else 'no')"


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def _served(app: Unpacked, target: str, settings: dict[str, str]) -> Iterator[str]:
    """Google's own server, started by its console script as the build starts it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        app.python.with_name("functions-framework"),
        "--target",
        target,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with (app.folder.parent / "output").open("w+") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            command,
            cwd=app.folder,
            stdout=output,
            stderr=output,
            env=_environment(settings | {"FOOTPRINT_QUEUE": "cloud-tasks"}),
        )
        try:
            yield _answering(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)
            output.seek(0)
            sys.stdout.write(output.read())


def _answering(url: str, process: "subprocess.Popen[bytes]") -> str:
    limit = time.monotonic() + DEADLINE_SECONDS
    while process.poll() is None and time.monotonic() < limit:
        try:
            httpx.get(url + "/none", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return url
    pytest.fail("Google's server does not answer")
