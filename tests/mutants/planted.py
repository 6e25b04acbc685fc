"""A plugin of pytest: one module is imported with one wrong change, named in the environment; no file is touched."""

import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

ENVIRONMENT = "FOOTPRINT_TESTS_MUTANT"


class Wrong(importlib.machinery.SourceFileLoader):
    """Compiles the changed source, past every cache of compiled code."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the import system asks by name
        """The module's code with the wrong change in it."""
        planted = json.loads(os.environ[ENVIRONMENT])
        source = Path(self.path).read_bytes()
        changed = source[: planted["start"]] + planted["text"].encode() + source[planted["end"] :]
        return compile(changed, self.path, "exec", dont_inherit=True)


class Planter(importlib.abc.MetaPathFinder):
    """Finds the one module before anybody else does."""

    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The changed module, if it is asked for."""
        if fullname != self._module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = Wrong(fullname, spec.origin)
        return spec


if ENVIRONMENT in os.environ:  # else it is imported by the program that starts the tests
    MODULE = json.loads(os.environ[ENVIRONMENT])["path"].removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if MODULE in sys.modules:
        raise RuntimeError(f"{MODULE} was imported before it could be changed")
    sys.meta_path.insert(0, Planter(MODULE))
