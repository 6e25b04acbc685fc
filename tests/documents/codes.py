"""Every code that the source can raise, report or log, found by reading it."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.local.printed_tables import ROOT

SOURCES = sorted((ROOT / "shared").rglob("*.py"))
# Where a code stands in the call: behind the status, for those who have one.
PLACES = {"Refused": 1}
# Made from what the platform says; `open_tenant` turns each into `refused` or a better one before it leaves.
THEIRS = {"GoogleRefused", "GraphRefused"}


def raised() -> Mapping[str, list[str]]:
    """Each code with the places, as `file:line`, at which it is made."""
    trees = {path: ast.parse(path.read_text()) for path in SOURCES}
    errors = _errors(list(trees.values()))
    found: dict[str, list[str]] = defaultdict(list)
    for path, tree in trees.items():
        constants = _constants(tree)
        for node in ast.walk(tree):
            for text in _codes(node, errors, constants):
                found[text].append(f"{path.relative_to(ROOT)}:{node.lineno}")  # type: ignore[attr-defined] # an expression
    return found


def _errors(trees: list[ast.Module]) -> set[str]:
    """The names of FootprintError and all classes below it, and of functions that take a code first."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known = {"FootprintError"}
    while more := {one.name for one in classes if {ast.unparse(base) for base in one.bases} & known} - known:
        known |= more
    return known - THEIRS


def _constants(tree: ast.Module) -> dict[str, str]:
    """A module's own names for texts."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _codes(node: ast.AST, errors: set[str], constants: Mapping[str, str]) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id="partial"), args=[ast.Name(id=name), ast.Constant(value=str(text)), *_]) if (
            name in errors
        ):
            yield text
        case ast.Call(func=ast.Name(id=name), args=args) if name in errors:
            yield from _text(args[PLACES.get(name, 0) :][:1], constants)
        case ast.ClassDef(name=name) if name in errors:
            yield from _of_class(node)
        case ast.keyword(arg="reason", value=value):
            yield from _text([value], constants)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            yield from _text(
                [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "code"], {}
            )
        case _:
            return


def _of_class(node: ast.ClassDef) -> Iterator[str]:
    """A class's own code: what it hands to `super().__init__`, or its CODE."""
    for inner in ast.walk(node):
        match inner:
            case ast.Call(func=ast.Attribute(attr="__init__"), args=args):
                # The status of one that has a status stands before its code; the sentence behind it is no code.
                yield from [text for text in _text(args[:2], {}) if text.replace("_", "").islower() and " " not in text]
            case ast.Assign(targets=[ast.Name(id="CODE")], value=ast.Constant(value=str(text))):
                yield text


def _text(values: list[ast.expr], constants: Mapping[str, str]) -> Iterator[str]:
    for value in values:
        match value:
            case ast.Constant(value=str(text)) if "_" in text or text.isalpha():
                yield text
            case ast.Name(id=name) if name in constants:
                yield constants[name]


def named(folder: Path, *, but: Path) -> set[str]:
    """What the tests of a folder name: each text in their source and, of a longer one, each word that has a `_`."""
    sources = [path for path in folder.rglob("*.py") if not path.is_relative_to(but)]
    texts = {
        node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    }
    return texts | {word for text in texts for word in re.findall(r"\w+", text) if "_" in word}
