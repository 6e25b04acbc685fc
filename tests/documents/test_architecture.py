"""`docs/architecture.md` is about the code that is there: each room, each name of a walk, each path to an answer."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.local.printed_tables import ROOT

SHARED = ROOT / "shared"
ROOMS = {path.name for path in SHARED.iterdir() if (path / "__init__.py").exists()}
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
NAME = re.compile(rf"`((?:{'|'.join(sorted(ROOMS))})(?:\.\w+)+)`")
WALKS = ("A grant", "The daily sync", "A push to a label", "A revoke to the certificate")
QUESTIONS = 10
STEPS = 3


def _section(title: str, level: str = "##") -> str:
    return DOCUMENT.split(f"\n{level} {title}\n")[1].split("\n## ")[0].split(f"\n{level} ")[0]


@cache
def _defined(path: Path) -> frozenset[str]:
    """What a module, or a class in it, defines: `function`, `Class`, `Class.method`, `CONSTANT`."""
    return frozenset(_names(ast.parse(path.read_text()).body, ""))


def _names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.ClassDef(name=name):
                yield prefix + name
                yield from _names(node.body, f"{prefix}{name}.")
            case ast.Assign(targets=targets):
                yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name


def _missing(name: str) -> str | None:
    """What of `room.module.function` is not there; None if all of it is."""
    path, rest = SHARED, name.split(".")
    while rest and (path / rest[0]).is_dir():
        path /= rest.pop(0)
    module = path / f"{rest[0]}.py" if rest and (path / f"{rest[0]}.py").exists() else None
    if module is None:
        return f"{name}: no module `{'.'.join(rest[:1])}` in {path.relative_to(ROOT)}/"
    found = ".".join(rest[1:])
    if found not in _defined(module):
        return f"{name}: nothing called `{found}` in {module.relative_to(ROOT)}"
    return None


def test_every_room_is_described_and_no_other() -> None:
    rooms = re.findall(r"^\| `(\w+)/` \|", _section("The rooms"), re.MULTILINE)
    assert sorted(rooms) == sorted(ROOMS)
    drawn = re.search(r"```mermaid\n(.*?)```", DOCUMENT, re.DOTALL)
    assert drawn
    assert {room for room in ROOMS if f'"{room}/"' in drawn[1]} == ROOMS
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert [room for room in sorted(ROOMS) if f"`shared/{room}/` |" not in contributing] == []


def test_the_four_walks_lead_through_functions_that_exist() -> None:
    steps = [name for walk in WALKS for name in NAME.findall(_section(walk, "###")) or [f"{walk} names none"]]
    missing = [what for name in steps if (what := _missing(name))]
    assert not missing, "\n".join(missing)


def test_each_question_is_answered_in_three_steps_at_most() -> None:
    rows = re.findall(r"^\| (.+\?) \| (.+) \| `(.+)` \|$", _section("Ten questions"), re.MULTILINE)
    assert len(rows) == QUESTIONS
    problems = []
    for question, path, name in rows:
        steps = re.findall(r"`([^`]+)`", path)
        module = SHARED / "".join(steps)
        if len(steps) > STEPS:
            problems.append(f"{question} {len(steps)} steps")
        elif not module.is_file():
            problems.append(f"{question} there is no {module.relative_to(ROOT)}")
        elif name not in _defined(module):
            problems.append(f"{question} nothing called `{name}` in {module.relative_to(ROOT)}")
    assert not problems, "\n".join(problems)
