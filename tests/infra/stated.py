"""What the clouds' files state about the app, and what the app makes of it."""

import os
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from shared.foundation.settings import Settings

ROOT = Path(__file__).parents[2]


def names(model: type[BaseModel] = Settings, prefix: str = "FOOTPRINT_") -> set[str]:
    """Every name that a setting has in the environment."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        # A part that may be left out is a union.
        parts = [one for one in (inner, *get_args(inner)) if isinstance(one, type) and issubclass(one, BaseModel)]
        found |= names(parts[0], f"{prefix}{name.upper()}__") if parts else {f"{prefix}{name.upper()}"}
    # A part may be stated as a whole, in JSON.
    return found | ({prefix.removesuffix("__")} if prefix != "FOOTPRINT_" else set())


def parsed(environment: dict[str, str], monkeypatch: Any) -> Settings:
    """The settings of an environment that states these and nothing else. Raises pydantic's error."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings(_env_file=None)


def names_what_exists(readme: str, cloud: str) -> None:
    """Whatever a cloud's README names of ours is there: files, make targets, modules, settings, commands."""
    for path in re.findall(r"(?<![\w/])(?:infra|dist|shared)/[\w./-]+\w", readme):
        assert (ROOT / path).exists() or path.startswith(f"dist/footprint-{cloud}"), path
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", readme):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for module in re.findall(r"-m (shared(?:\.\w+)+)", readme):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    assert set(re.findall(r"FOOTPRINT_\w+", readme)) <= names()
    numbers = ["no", "one", "two", "three", "four", "five"]
    told, block = re.findall(r"it takes (\w+) commands?:\n\n```sh\n(.+?)```", readme, re.DOTALL)[0]
    assert told == numbers[len(block.splitlines())]
    scripts = set(re.findall(rf"infra/{cloud}/\w+\.sh", readme))
    assert scripts >= {f"infra/{cloud}/{name}.sh" for name in ("up", "down")}
    for script in scripts:
        assert os.access(ROOT / script, os.X_OK), script
