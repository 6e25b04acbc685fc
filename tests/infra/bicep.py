"""What is wrong with Bicep files, as far as can be told without Azure: names, shapes, how the files fit together."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycep

Tree = dict[str, Any]
TYPES = json.loads((Path(__file__).parent / "data" / "azure.json").read_text())
# What every resource may have beside its body.
OWN = {"name", "parent", "scope", "dependsOn"}
KINDS = {"string": str, "bool": bool, "int": int, "number": (int, float), "array": list, "object": dict, "map": dict}


def read(path: Path) -> Tree:
    """A file's tree. Raises pycep's error if it is no Bicep."""
    return dict(pycep.BicepParser().parse(text=path.read_text()))


def problems(path: Path) -> list[str]:
    """What is wrong in one file and in how it calls its modules: sentences, none if all is well."""
    tree = read(path)
    modules = {name: read(path.parent / m["detail"]["path"]) for name, m in tree.get("modules", {}).items()}
    found = [
        f"{path.name}: {name}: {text}"
        for name, resource in tree.get("resources", {}).items()
        for text in _resource(resource, tree)
    ]
    for name, called in modules.items():
        parameters, given = called.get("parameters", {}), tree["modules"][name]["config"]["params"]
        needed = {key for key, parameter in parameters.items() if parameter.get("default") is None}
        found += [f"{path.name}: {name}: no parameter {key}" for key in sorted(given.keys() - parameters.keys())]
        found += [f"{path.name}: {name}: parameter {key} is missing" for key in sorted(needed - given.keys())]
    words = re.findall(r"\w+", path.read_text())
    declared = tree.get("parameters", {}).keys() | tree.get("variables", {}).keys()
    found += [f"{path.name}: {key} is used by nothing" for key in sorted(declared) if words.count(key) == 1]
    return found + [f"{path.name}: {text}" for text in _references(tree, modules)]


def _resource(resource: Tree, tree: Tree) -> Iterator[str]:
    kind, version = resource["type"], resource["api_version"]
    known = TYPES["resources"].get(kind)
    if known is None:
        yield f"unknown type {kind}"
        return
    if version != known["version"]:
        yield f"{kind} is known at {known['version']}, not at {version}"
    config = _plain(resource["config"])
    if "name" not in config:
        yield "it has no name"
    parent = tree["resources"].get(config.get("parent", ""), {}).get("type")
    if kind.count("/") > 1 and parent != kind.rpartition("/")[0]:
        yield f"its parent should be {kind.rpartition('/')[0]}, and is {parent}"
    yield from _body({key: value for key, value in config.items() if key not in OWN}, known["body"], kind, tree)


def _body(value: Tree, body: str, where: str, tree: Tree) -> Iterator[str]:
    shapes = TYPES["bodies"][body]
    for raw, inner in value.items():
        key = raw.strip("'")
        shape = shapes.get(key)
        if shape is None:
            yield f"{where}.{key} does not exist"
        elif shape.get("readonly"):
            yield f"{where}.{key} cannot be set"
        else:
            yield from _value(inner, shape, f"{where}.{key}", tree)
    for key, shape in shapes.items():
        if shape.get("required") and key not in {raw.strip("'") for raw in value}:
            yield f"{where}.{key} is missing"


def _value(value: Any, shape: Tree, where: str, tree: Tree) -> Iterator[str]:
    if _computed(value):
        return
    if isinstance(value, dict) and "loop_type" in value:
        value = [_plain(value)]
    symbol = isinstance(value, str) and ("${" in value or value in _symbols(tree) or value in _loops(tree))
    if value is not None and not symbol and not isinstance(value, KINDS.get(shape["type"], object)):
        yield f"{where} should be {shape['type']}"
        return
    for single in value if isinstance(value, list) else [value]:
        if isinstance(single, dict) and "of" in shape and not _computed(single) and shape["type"] != "map":
            yield from _body(single, shape["of"], where, tree)
        if isinstance(single, str) and not symbol and "values" in shape and single not in shape["values"]:
            yield f"{where} is {single}, none of {', '.join(shape['values'])}"


def _references(tree: Tree, modules: dict[str, Tree]) -> Iterator[str]:
    """Names before a dot or alone in a text that nothing here bears, and outputs that a module does not have."""
    known = _symbols(tree) | _loops(tree)
    for text in _texts(tree):
        named = set(re.findall(r"\$\{(\w+)[.}]", text)) - set(re.findall(r"(\w+) =>", text))
        yield from (f"nothing is called {name}" for name in sorted(named - known))
    for accessor in _accessors(tree):
        name, rest = accessor["operand_1"], accessor["operand_2"]
        if not isinstance(name, str):
            continue
        if name not in known:
            yield f"nothing is called {name}"
        steps = _steps(rest)
        if name in modules and steps[:1] == ["outputs"] and steps[1] not in modules[name].get("outputs", {}):
            yield f"{name} has no output {steps[1]}"


def _accessors(node: Any) -> Iterator[Tree]:
    if isinstance(node, dict):
        if node.get("type") == "property_accessor":
            yield node["operands"]
            node = {"left": node["operands"]["operand_1"]}  # what follows its dot are names of properties
        for value in node.values():
            yield from _accessors(value)
    elif isinstance(node, list):
        for value in node:
            yield from _accessors(value)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)


def _steps(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    operands = node.get("operator", {}).get("operands", {})
    return [*_steps(operands["operand_1"]), *_steps(operands["operand_2"])] if "operand_2" in operands else []


def _symbols(tree: Tree) -> set[str]:
    return {name for part in ("parameters", "variables", "resources", "modules") for name in tree.get(part, {})}


def _loops(node: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(node, dict):
        if "loop_type" in node:
            found.add(node["loop_type"]["detail"]["item_name"])
        found = found.union(*map(_loops, node.values()))
    elif isinstance(node, list):
        found = found.union(*map(_loops, node))
    return found


def _plain(config: Tree) -> Tree:
    """What a loop or a condition repeats or guards."""
    return _plain(config["config"]) if "loop_type" in config or set(config) == {"condition", "config"} else config


def _computed(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.keys() & {"function", "operator"})
