"""Requests that are turned down: what they are told, and that nothing of the customer or of ours was changed."""

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from shared.web.http import Response
from tests.harness.world import World


class Told(NamedTuple):
    """What somebody is told: the status, the code, and how the sentence for people begins."""

    status: int
    code: str
    sentence: str


def told(response: Response) -> Told:
    """What an answer says: a problem document, or a page."""
    if response.headers["Content-Type"] == "application/problem+json":
        found = json.loads(response.body)
        assert found["type"] == f"/runbook/{found['code']}"
        return Told(response.status, found["code"], found["detail"])
    shown = html.unescape(response.body.decode())
    sentence = re.search(r'role="alert">(.*?)</p>', shown, re.DOTALL)
    code = re.search(r'<a href="/runbook/(\w+)">\1</a>', shown)
    assert sentence, shown
    return Told(response.status, code[1] if code else "", re.sub(r"<[^>]+>|\s+", " ", sentence[1]).strip())


def is_told(response: Response, expected: Told) -> None:
    """Fail unless an answer says this."""
    found = told(response)
    assert (found.status, found.code) == (expected.status, expected.code), found
    assert found.sentence.startswith(expected.sentence), found


@contextmanager
def nothing_changes(world: World) -> Iterator[None]:
    """Fail if what is in our database, or in any tenant, is not afterwards as it was before."""
    before = world.databases.content(world.folder), world.sims.cloud.save().states
    yield
    assert (world.databases.content(world.folder), world.sims.cloud.save().states) == before
