"""The words that people read: one vocabulary, in the pages, messages, log lines and documents."""

import ast
import re
from pathlib import Path

import pytest

from infra.local.printed_tables import ROOT, documents

# What was said before, each with the word of the field that is said instead.
OLD_WORDS = {
    r"needs? a person|in need of a person": "action required",
    r"\bwhoever\b": "name the person or role",
    r"looks? at the tenant|looked at (now|often)|next look": "check",
    r"\bput (it|them|this|what \w+ \w+) right\b|\bputs? right\b|\bbe put right\b": "repair",
    r"\bput back\b": "release",
    r"yours before us": "pre-existing",
    r"\banew\b": "again",
    r"ticks itself": "detected automatically",
    r"our own mistake|our mistake": "internal error",
    r"turned away": "rejected",
    r"goes on by itself|looks again by itself": "continues automatically",
    r"what waits|messages? waits?\b": "in quarantine",
    r"yours to do": "your steps",
    r"not wholly": "partially",
    r"means? the message|means? a message": "match",
    r"looks like a trick": "impersonation",
    r"vouches for": "verifies",
    r"lets in by": "authentication",
    r"link has ended|link is not valid any more": "invitation expired",
    r"told, and left": "report only",
    r"sign in first": "sign in",
    r"best given": "recommended",
    r"who is sent which": "schedule and recipients",
    r"somebody (else|here)": "another user",
    r"(was|were|is|are) synchronised|\bsynchronise now\b": "sync",
    r"clock and administrators|into the console": "simulator controls",
    r"will be made\b|would be made\b": "will be created",
    r"no longer valid any more": "no longer valid",
}
COMPILED = {re.compile(old, re.IGNORECASE): new for old, new in OLD_WORDS.items()}
TEMPLATES = [path for kind in ("html", "txt", "js") for path in sorted(ROOT.glob(f"shared/**/*.{kind}"))]
SOURCES = [path for room in ("shared", "infra/local") for path in sorted(ROOT.glob(f"{room}/**/*.py"))]
# A comment in a script, or in a template, is not shown.
NOT_SHOWN = re.compile(r"\{#.*?#\}|^\s*//.*$|\s//\s.*$", re.DOTALL | re.MULTILINE)


def _found(text: str) -> list[str]:
    return [f"“{hit.group()}”: say “{new}”" for old, new in COMPILED.items() for hit in old.finditer(text)]


def _messages(path: Path) -> list[str]:
    """Every text of a module but its docstrings: sentences, descriptions, log lines."""
    tree = ast.parse(path.read_text())
    docs = {
        id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
    }
    found = [one for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return [str(one.value) for one in found if id(one) not in docs]


def _shown(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.relative_to(ROOT).as_posix())


@_shown(TEMPLATES)
def test_a_page_says_it_in_the_words_of_the_field(path: Path) -> None:
    assert not _found(NOT_SHOWN.sub("", path.read_text()))


@_shown([path for path in documents() if path.name not in ("CHANGELOG.md", "HAZARDS.md")])
def test_a_document_says_it_in_the_words_of_the_field(path: Path) -> None:
    assert not _found(path.read_text())


def test_messages_descriptions_and_log_lines_say_it_in_the_words_of_the_field() -> None:
    wrong = {path.relative_to(ROOT).as_posix(): _found("\n".join(_messages(path))) for path in SOURCES}
    assert not {path: found for path, found in wrong.items() if found}


def test_the_old_words_are_found_where_they_are() -> None:
    assert _found("Needs a person. It ticks itself, whoever looks at the tenant.") != []
    assert _found("Action required. Check now.") == []
