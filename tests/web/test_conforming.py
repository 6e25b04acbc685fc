"""The API is as its document says, as somebody finds who knows nothing else of it; and would find if it were not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.web.routes import ROUTES
from tests.programs import schemathesis as conforming


@pytest.fixture(scope="module")
def there() -> Iterator[dict[str, Any]]:
    """A machine with something in it."""
    if reason := conforming.missing():
        pytest.skip(f"skipped: {reason}")
    with conforming.lived() as content:
        yield content


def test_whatever_the_document_allows_and_forbids_is_so(there: dict[str, Any], tmp_path: Path) -> None:
    done = conforming.asked(tmp_path, there)
    assert done.returncode == 0, done.stdout
    # Its own address is not asked for: it was read to begin with.
    assert f"Tested: {sum(route.in_api for route in ROUTES) - 1}" in done.stdout, done.stdout


LIES: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "a status": ("get_connection", None, "Undocumented status code"),
    "a media type": ("list_users", {"$ref": "#/components/responses/502"}, "Undocumented Content-Type"),
    "a schema": ("get_changes", {"content": {"application/json": {"schema": {"type": "array"}}}}, "violates schema"),
}


@pytest.mark.parametrize("what", LIES)
def test_what_the_document_does_not_say_is_found(there: dict[str, Any], tmp_path: Path, what: str) -> None:
    operation, lie, found = LIES[what]
    document = httpx.get(f"{there['address']}/api/openapi.json", trust_env=False).json()
    told = next(one for path in document["paths"].values() for one in path.values() if one["operationId"] == operation)
    told["responses"]["200"] = lie
    told["responses"] = {status: response for status, response in told["responses"].items() if response is not None}
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    done = conforming.asked(tmp_path, there, file, "--include-operation-id", operation)
    assert done.returncode == 1
    assert found in done.stdout, done.stdout
