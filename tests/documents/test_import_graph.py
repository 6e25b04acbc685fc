"""No import circles: a reader of a module can first read what it stands on, to the end."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("infra.local", "shared")


def modules_of(root: Path, package: str) -> dict[str, Path]:
    """The modules of a package by their dotted names; a package's own name stands for its `__init__`."""
    files = (root / Path(*package.split("."))).rglob("*.py")
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(module: str, file: Path) -> Iterator[tuple[str, str]]:
    """Every import wherever it stands, in a function and for a type checker alike: from where, and which name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((one.name, "") for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
            near = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*near, *([node.module] if node.module else [])])
            yield from ((source, one.name) for one in node.names)


def graph_of(root: Path, package: str) -> dict[str, set[str]]:
    """Which modules of the package each of its modules imports."""
    modules = modules_of(root, package)
    return {
        module: {
            name
            for source, taken in imported(module, file)
            if (name := f"{source}.{taken}" if f"{source}.{taken}" in modules else source) in modules
        }
        for module, file in modules.items()
    }


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """One circle of imports, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_make_no_circle(package: str) -> None:
    graph = graph_of(ROOT, package)
    assert sum(map(len, graph.values())) > len(graph), "hardly any import was found"
    assert circle_in(graph) == []


@pytest.mark.parametrize(
    "text",
    [
        "import house.b",
        "import house.b as other",
        "from house import b",
        "from house.b import name",
        "from . import b",
        "from .b import name",
        "def late():\n    from house.b import name",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.b import name",
    ],
)
def test_a_circle_is_found_however_it_is_written(tmp_path: Path, text: str) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "__init__.py").touch()
    (house / "a.py").write_text(text)
    (house / "b.py").write_text("import json\n")
    assert circle_in(graph_of(tmp_path, "house")) == []
    (house / "b.py").write_text("from house.a import name\n")
    assert set(circle_in(graph_of(tmp_path, "house"))) == {"house.a", "house.b"}
