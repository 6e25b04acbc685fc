"""The wrong changes that can be made to a module, each as a piece of its source and what stands there instead."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SUMS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
# Calls whose arguments are conditions: without one of them more is meant than should be.
CONDITIONS = {"where", "and_", "or_"}
# What is said to a log or a person is judged by other tests.
SPOKEN = {"log", "logging", "warnings"}

Change = tuple[ast.AST, str, str]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One wrong change: bytes `start` to `end` of a file become `text`. `name` says it, and outlives other edits."""

    path: str
    function: str
    line: int
    statement: int
    start: int
    end: int
    kind: str
    was: str
    text: str
    name: str


def mutants(root: Path, path: str) -> list[Mutant]:
    """All the wrong changes of one module, in the order of its source."""
    source = (root / path).read_bytes()
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    found: list[Mutant] = []
    named: Counter[str] = Counter()
    for function, statement, (node, kind, text) in _changes(ast.parse(source)):
        start = lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]  # statements and expressions
        end = lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]  # have a place
        was = source[start:end].decode()
        around = source.splitlines()[statement - 1].strip()
        digest = hashlib.sha256(around + was.encode()).hexdigest()[:6]
        name = f"{path} {function}: {kind}: {_short(was)} -> {_short(text)} [{digest}]"
        named[name] += 1
        name += f" #{named[name]}" if named[name] > 1 else ""
        place = {"line": node.lineno, "statement": statement, "start": start, "end": end}  # type: ignore[attr-defined]  # as above
        found.append(Mutant(path=path, function=function, kind=kind, was=was, text=text, name=name, **place))
    return found


def _short(code: str) -> str:
    one_line = " ".join(code.split())
    return one_line if len(one_line) <= 90 else f"{one_line[:60]} … {one_line[-25:]}"


def _changes(module: ast.Module) -> Iterator[tuple[str, int, Change]]:
    yield from _within(module, "", 0)


def _within(node: ast.AST, function: str, statement: int) -> Iterator[tuple[str, int, Change]]:
    for child in _code(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _within(child, f"{function}.{child.name}".lstrip("."), child.lineno)
            continue
        line = child.lineno if isinstance(child, ast.stmt) else statement
        for change in _of(child):
            yield function or "(module)", line, change
        yield from _within(child, function, line)


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """What of a node is run: no annotation, decorator, document, import, or word to the log."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr):
                continue
            if isinstance(child, ast.Expr) and (isinstance(child.value, ast.Constant) or _spoken(child.value)):
                continue
            yield child


def _spoken(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).partition(".")[0] in SPOKEN


def _of(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.stmt():
            yield from _statement(node)
        case ast.Dict() | ast.Set():
            yield from _collection(node)
        case ast.Call():
            yield from _call(node)
        case ast.Constant(value=value):
            yield from _constant(node, value)
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                other = deepcopy(node)
                other.ops[place] = COMPARISONS[type(operator)]()
                yield node, "comparison", f"({ast.unparse(other)})"
        case ast.BoolOp():
            other_operator = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node, "boolean", f"({ast.unparse(ast.BoolOp(op=other_operator, values=node.values))})"
            for place in range(len(node.values)):
                left = [value for number, value in enumerate(node.values) if number != place]
                rest = left[0] if len(left) == 1 else ast.BoolOp(op=node.op, values=left)
                yield node, "condition left out", f"({ast.unparse(rest)})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, "not left out", f"({ast.unparse(operand)})"
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            text = ast.unparse(ast.BinOp(left=node.left, op=SUMS[type(node.op)](), right=node.right))
            yield node, "arithmetic", f"({text})"


def _collection(node: ast.Dict | ast.Set) -> Iterator[Change]:
    if isinstance(node, ast.Set):
        for place in range(len(node.elts) if len(node.elts) > 1 else 0):
            yield node, "element left out", ast.unparse(ast.Set(elts=node.elts[:place] + node.elts[place + 1 :]))
    elif all(node.keys):
        for place in range(len(node.keys)):
            keys, values = ([*of[:place], *of[place + 1 :]] for of in (node.keys, node.values))
            yield node, "entry left out", ast.unparse(ast.Dict(keys=keys, values=values))


def _constant(node: ast.Constant, value: object) -> Iterator[Change]:
    match value:
        case bool():
            yield node, "constant", repr(not value)
        case int():
            yield node, "constant", str(value + 1)
        case str() if value and not any(space in value for space in " \n"):
            yield node, "constant", '"wrong"'


def _call(node: ast.Call) -> Iterator[Change]:
    called = ast.unparse(node.func)
    if called.rpartition(".")[2] in CONDITIONS:
        for place in range(len(node.args)):
            args = node.args[:place] + node.args[place + 1 :]
            if args or called.endswith("where"):
                text = ast.unparse(ast.Call(func=node.func, args=args, keywords=node.keywords))
                yield node, "condition left out", text
        return
    if len(node.args) > 1 and called != "isinstance" and not any(isinstance(one, ast.Starred) for one in node.args[:2]):
        swapped = [node.args[1], node.args[0], *node.args[2:]]
        if ast.unparse(node.args[0]) != ast.unparse(node.args[1]):
            text = ast.unparse(ast.Call(func=node.func, args=swapped, keywords=node.keywords))
            yield node, "arguments swapped", text
    for place, keyword in enumerate(node.keywords):
        if keyword.arg:
            keywords = node.keywords[:place] + node.keywords[place + 1 :]
            text = ast.unparse(ast.Call(func=node.func, args=node.args, keywords=keywords))
            yield node, f"{keyword.arg}= left out", text


def _statement(node: ast.stmt) -> Iterator[Change]:
    match node:
        case ast.Expr():
            yield node, "call left out", "pass"
        case ast.Raise():
            yield node, "raise left out", "pass"
        case ast.Continue() | ast.Break():
            yield node, "jump left out", "pass"
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield node, "return left out", "return None"
        case ast.If(test=test) | ast.While(test=test) if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield test, "condition turned", f"(not {ast.unparse(test)})"
        case ast.AugAssign(op=ast.Add() | ast.Sub()):
            text = ast.unparse(ast.AugAssign(target=node.target, op=SUMS[type(node.op)](), value=node.value))
            yield node, "arithmetic", text
