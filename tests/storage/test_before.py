"""Deploying: while a new version is brought up, the one of before goes on, on the new version's tables."""

import asyncio
import inspect
import io
import shutil
import subprocess
import sys
import tarfile
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from shared.storage.database import Database
from shared.storage.migrate import migrate
from shared.storage.revision import VERSIONS, newest
from tests.harness import life_of_before
from tests.harness.databases import Databases

ROOT = Path(__file__).parents[2]
FOLDER = VERSIONS.relative_to(ROOT).as_posix()
LIMIT = 300


def git(*arguments: str) -> bytes:
    """What Git says of this repository; skips where there is none."""
    program = shutil.which("git")
    if program is None:
        pytest.skip("git is not installed: the code of before cannot be had")
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        pytest.skip(f"the code of before cannot be had: {done.stderr.decode().strip()}")
    return done.stdout


def revision(commit: str) -> str:
    """The newest revision of the tables that a commit knows."""
    files = git("ls-tree", "-r", "--name-only", commit, FOLDER).decode().split()
    return max((Path(file).name.partition("_")[0] for file in files if Path(file).name[0].isdigit()), default="")


def before() -> str:
    """The newest commit whose newest migration is older than the present one; skips if the history is not here."""
    # Whether the present one is committed or not, what came before it is one of these or stands before one of them.
    changed = git("log", "--first-parent", "--format=%H", "HEAD", "--", FOLDER).decode().split()
    if not changed:
        pytest.skip("the code of before cannot be had: this copy has no history of its migrations")
    for commit in ("HEAD", *(f"{one}^" for one in changed)):
        if revision(commit) < newest():
            return commit
    pytest.skip("the code of before cannot be had: the history does not go so far back")


async def test_the_code_of_before_lives_a_life_on_the_tables_of_after(databases: Databases, tmp_path: Path) -> None:
    commit = before()
    url, older, work = databases.empty(tmp_path), tmp_path / "older", tmp_path / "work"
    work.mkdir()
    made = Database(url)
    await migrate(made)
    await made.close()
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", commit))) as files:
        files.extractall(older, filter="data")
    script = inspect.getsource(life_of_before).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-", url, work, cwd=older, stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    told, _ = await asyncio.wait_for(process.communicate(script), LIMIT)
    assert process.returncode == 0, f"the code of {commit}: {told.decode()}"
