"""Runs the clouds' scripts with stand-ins for the programs that they call, first on the PATH."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.infra.test_entra import TENANT

ROOT = Path(__file__).parents[2]


def made_folder(folder: Path, more: Mapping[str, str] = {}) -> None:
    """Stand-ins for `az`, `make` and `curl`, and `more` by their names; nothing is in the tenant."""
    state = {"rows": {"/organization": [{"id": TENANT}]}, "changes": []}
    (folder / "state.json").write_text(json.dumps(state))
    programs = {
        "az": f'exec {sys.executable} -m tests.infra.az {folder}/state.json "$@"',
        "make": f'echo "make $*" >> {folder}/said',
        "curl": f'echo "curl $*" >> {folder}/said',
    }
    for name, text in {**programs, **more}.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)


def ran(folder: Path, script: str, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    """A script, as an operator types it, who then types what is asked for; in the folder's checkout, if it has one."""
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    here = folder / "checkout" if (folder / "checkout").exists() else ROOT
    return subprocess.run(  # noqa: S603 - our own words
        [here / script, *arguments], cwd=here, env=path, check=False, capture_output=True, text=True, input=typed
    )


def found(folder: Path, what: str) -> dict[str, Any]:
    """What a stand-in's file says."""
    return dict(json.loads((folder / f"{what}.json").read_text()))
