"""The words that people read: one vocabulary, in the pages, messages, log lines and documents."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from infra.local.printed_tables import PLATFORMS, ROOT, documents
from shared.cli.commands import app
from shared.web.openapi import document

# Sentences that readers stumbled on, each with what is said instead.
OLD_SENTENCES = {
    "a line of a published table": "declared in one published catalogue",
    "the whole life of a Microsoft 365 and of a Gmail connection": "end-to-end demo",
    "the same on a page": "the same, interactively",
    "sends its link to the tenant": "sends the invitation to the customer's administrator",
    "asks where it is": "no cloud-specific branches",
    "nothing to renew": "needs no rotation",
    "who we are at": "how we authenticate to",
    "who we are there": "how to authenticate",
    "outlives what it serves": "removed 24 h after the objects that depend on it",
    "are hints to look": "level-triggered and idempotent",
    "is borrowed: recorded": "pre-existing: recorded and never deleted",
    "that a machine has not": "whose optional dependency is missing",
    "pays for what is imported": "import time is cold-start time",
    "translate and do nothing else": "adapters only",
    "is asked to consent": "invitation sent",
    "what others changed …": "review and repair drift",
    "what stands beside": "declared changes and their current state",
    "before that is believed": "a second check confirms this",
    "proving it by using it": "verifying access",
    "then one more step": "step 2 of 2",
    "is left alone unless": "nothing happens to a message unless it matches a policy",
    "is meant if it fits": "match any of the following",
    "export what waits": "export all",
    "can be changed unseen": "hash-chained",
    "note as gone": "mark as deleted",
    "take over": "adopt",
    "is no longer wanted": "delete, and what the object does",
    "more wait too": "objects are kept until",
    "or one of them at length": "list and show connections",
    "not accepted, or not any more": "invalid or expired",
    "nobody answers at": "cannot connect to",
    "revoke with acknowledge_quarantine": "each surface's own option",
    "whose key that is": "key fingerprint",
    "made and removed:": "created, removed",
    "report given up": "report delivery abandoned",
    "tells nothing and changes nothing": "authentication: none",
    "certificate of this machine": "self-signed certificate",
    "is confined to one customer": "users restricted to this customer",
    "whose night": "data region; daily sync runs at night there",
    "open the consent link": "open the invitation",
    "any more. look again": "reload",
    "we will look again": "the next run checks again",
    "said to be done": "marked as done",
    "nothing is said under": "no decision has this id",
    "come to nobody": "name no user",
}
# What was said before, each with the word of the field that is said instead.
OLD_WORDS = {
    **{re.escape(old): new for old, new in OLD_SENTENCES.items()},
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
# In the product's own sentences these are avoided too; a document may tell a story.
OLD_IN_PRODUCT = {
    **OLD_WORDS,
    r"\blook(s|ed|ing)? (at|whether)\b|\blast look\b": "check",
    r"\bgoes on\b|\bby itself\b": "continues, automatically",
    r"\bsomebody\b": "name the person or role",
    r"\bgiven? back\b": "revoked",
    r"as it must be\b": "valid",
    r": it (is|was|did|has|holds|names)\b": "the thing's name",
    r"^ answered $": "returned, of a service's status",
    r"\bnobody (has|could|signs|takes|can)\b": "what is missing, or cannot be done",
    # What begins so has a name, which may stand in another cell or on another page.
    r"(?:^|[.!?:;] )(?-i:It) (?!is possible|takes)\w+": "the thing's name",
}
TEMPLATES = [path for kind in ("html", "txt", "js") for path in sorted(ROOT.glob(f"shared/**/*.{kind}"))]
SOURCES = [path for room in ("shared", "infra/local") for path in sorted(ROOT.glob(f"{room}/**/*.py"))]
# A comment in a script, or in a template, is not shown.
NOT_SHOWN = re.compile(r"\{#.*?#\}|^\s*//.*$|\s//\s.*$", re.DOTALL | re.MULTILINE)


def _found(text: str, old_words: Mapping[str, str] = OLD_IN_PRODUCT) -> list[str]:
    return [
        f"“{hit.group()}”: say “{new}”"
        for old, new in old_words.items()
        for hit in re.finditer(old, text, re.IGNORECASE | re.MULTILINE)
    ]


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
    assert not _found(re.sub(r"<[^>]*>", "", NOT_SHOWN.sub("", path.read_text())))


@_shown([path for path in documents() if path.name not in ("CHANGELOG.md", "HAZARDS.md")])
def test_a_document_says_it_in_the_words_of_the_field(path: Path) -> None:
    assert not _found(path.read_text(), OLD_WORDS)


def _described(part: Any) -> Iterator[str]:
    """Every sentence of the API's description."""
    for name, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if name in ("description", "summary") and isinstance(value, str):
            yield value
        else:
            yield from _described(value)


def _helped(command: Any) -> Iterator[str]:
    """Every sentence of a command's help."""
    yield from filter(None, (command.help, command.epilog, *(getattr(one, "help", "") for one in command.params)))
    for one in getattr(command, "commands", {}).values():
        yield from _helped(one)


def test_the_api_and_the_help_say_it_in_the_words_of_the_field() -> None:
    api = document("https://footprint.example.com", [one.NAME for one in PLATFORMS], "session")
    for text in (*_described(api), *_helped(get_command(app))):
        assert not _found(text), text


def test_messages_descriptions_and_log_lines_say_it_in_the_words_of_the_field() -> None:
    product = {path: OLD_IN_PRODUCT if path.is_relative_to(ROOT / "shared") else OLD_WORDS for path in SOURCES}
    wrong = {
        path.relative_to(ROOT).as_posix(): _found("\n".join(_messages(path)), words) for path, words in product.items()
    }
    assert not {path: found for path, found in wrong.items() if found}


def test_the_old_words_are_found_where_they_are() -> None:
    assert _found("Needs a person. It ticks itself, whoever looks at the tenant.") != []
    assert _found("Action required. Check now.") == []
