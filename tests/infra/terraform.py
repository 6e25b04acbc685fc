"""What is wrong with Terraform files, as far as can be told without Google: names, shapes, references."""

import json
import re
from pathlib import Path
from typing import Any

import hcl2

Tree = dict[str, Any]
TYPES = json.loads((Path(__file__).parent / "data" / "google.json").read_text())
# What every resource may have whatever it is.
META = {"for_each", "count", "depends_on", "lifecycle", "provider"}
REFERENCE = re.compile(r"(?<![\w.])(data\.)?(var|local|google_\w+)\.(\w+)")


def read(folder: Path) -> Tree:
    """All files of a folder as one: kind of block → its blocks, each by its labels joined with dots."""
    found: Tree = {"resource": {}, "data": {}, "variable": {}, "output": {}, "locals": {}}
    for path in sorted(folder.glob("*.tf")):
        for kind, blocks in unquoted(hcl2.loads(path.read_text())).items():
            for block in blocks:
                if kind == "locals":
                    found["locals"] |= block
                for label, inner in block.items() if kind in ("resource", "data") else ():
                    found[kind] |= {f"{label}.{name}": body for name, body in inner.items()}
                if kind in ("variable", "output"):
                    found[kind] |= block
    return found


def problems(folder: Path) -> list[str]:
    """What is wrong in a folder's files: sentences, none if all is well."""
    tree = read(folder)
    found: list[str] = []
    for kind, prefix in (("resource", ""), ("data", "data.")):
        for name, body in tree[kind].items():
            shape = TYPES.get(prefix + name.partition(".")[0])
            found += [f"{name}: unknown type"] if shape is None else _arguments(body, shape, prefix + name)
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    used = {(data + kind, name) for data, kind, name in REFERENCE.findall(_without_comments(text))}
    known = {("var", name) for name in tree["variable"]} | {("local", name) for name in tree["locals"]}
    own = {tuple(name.split(".")) for name in tree["resource"]}
    own |= {(f"data.{kind}", name) for kind, name in (name.split(".") for name in tree["data"])}
    found += [f"{kind}.{name} does not exist" for kind, name in sorted(used - known - own)]
    return found + [f"{kind}.{name} is used by nothing" for kind, name in sorted(known - used)]


def _arguments(body: Tree, shape: Tree, where: str) -> list[str]:
    found: list[str] = []
    given = {key: value for key, value in body.items() if key not in META}
    for block in given.pop("dynamic", []):
        for name, inner in block.items():
            given[name] = inner["content"]
    for key, value in given.items():
        known = shape.get(key)
        if known is None:
            found.append(f"{where}.{key} does not exist")
            continue
        inner = value if isinstance(value, list) else []  # written as an attribute, it would be no list
        if "block" in known:
            found += [text for single in inner for text in _arguments(single, known["block"], f"{where}.{key}")]
            found += [] if inner else [f"{where}.{key} should be a block"]
    missing = {key for key, known in shape.items() if known.get("required")} - given.keys()
    return found + [f"{where}.{key} is missing" for key in sorted(missing)]


def unquoted(node: Any) -> Any:
    """The tree without the parser's notes, and without the quotes that it leaves around what was quoted."""
    if isinstance(node, dict):
        return {unquoted(key): unquoted(value) for key, value in node.items() if not _note(key)}
    if isinstance(node, list):
        return [unquoted(value) for value in node]
    return node[1:-1] if isinstance(node, str) and re.fullmatch(r'"[^"]*"', node) else node


def _note(key: str) -> bool:
    return key.startswith("__") and key.endswith("__")


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
