"""An API asked by somebody who knows only its document: whatever it allows and forbids, and whether that is so."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.programs import HERE, PARTS, running

Asked = subprocess.CompletedProcess[str]
ROOT = HERE.parent.parent
PROGRAM = PARTS / "schemathesis" / "bin" / "st"
# A machine in which something has been lived, on two cores that have more to do.
READY_WITHIN = 120  # seconds
# What is right by the document and still refused for what is there, such as a domain that is none, is no mistake.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "missing_required_header",
)


def missing() -> str:
    """Why it is not there; empty if it is."""
    return "" if (PARTS / "schemathesis" / "ready").exists() else "schemathesis is not installed: make parts"


@contextmanager
def lived() -> Iterator[dict[str, Any]]:
    """A machine with something in it, until the block is left: its address, a token, and what there is."""
    command = [sys.executable, "-m", "tests.harness.lived_in_machine"]
    # It is asked more than any account would be let.
    environment = {"PYTHONPATH": str(ROOT), "FOOTPRINT_API__REQUESTS_A_MINUTE": "0"}
    with running(command, ready=r"(\{.*\})\n", environment=environment, within=READY_WITHIN) as found:
        content: dict[str, Any] = json.loads(found[1])
        yield content


def asked(folder: Path, there: Mapping[str, Any], document: Path | None = None, *more: str) -> Asked:
    """What comes of asking about everything that a document says, by default the machine's own."""
    config = folder / "schemathesis.toml"
    config.write_text(_config(there))
    command: Sequence[str] = [
        str(PROGRAM),
        "--config-file",
        str(config),
        "run",
        str(document or f"{there['address']}/api/openapi.json"),
        "--url",
        there["address"],
        "--header",
        f"Authorization: Bearer {there['token']}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "5",
        "--workers",
        "2",
        "--no-color",
        *more,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own words


# Which connection is asked about, where another one would have nothing to show.
OF_MAIL = (
    "list_quarantine",
    "get_export",
    "make_export",
    "release_item",
    "list_operations",
    "match_operations",
    "list_reports",
    "get_report",
    "get_report_html",
    "get_report_csv",
)


def _config(there: Mapping[str, Any]) -> str:
    """What stands in an address is something that exists; what an end can be made of is what nobody needs."""
    microsoft, google = there["running"]
    one_for_each = {
        ("revoke", "grant", "attest_step"): there["new"],
        ("get_certificate",): there["closed"],
        OF_MAIL: google,
    }
    known = {
        "id": microsoft,
        "report": there["report"],
        "item": there["item"],
        "name": there["policy"],
        "key": "application",
        "platform": "google",
        "source": "gmail",
    }
    lines = [
        f"hooks = {json.dumps(str(HERE / 'schemathesis_hooks.py'))}",
        # A list that is too long may be too much to be read at all.
        "[checks.negative_data_rejection]",
        "expected-statuses = [400, 401, 403, 404, 409, 412, 413, 415, 422, 428]",
        "[parameters]",
        *(f'"path.{name}" = {json.dumps(value)}' for name, value in known.items()),
    ]
    for operations, connection in one_for_each.items():
        lines += ["[[operations]]", f"include-operation-id = {json.dumps(operations)}"]
        lines += [f'parameters = {{ "path.id" = {json.dumps(connection)} }}']
    # What exists is changed by who has seen it.
    lines += ["[[operations]]", 'include-operation-id = ["put_policy", "put_report_settings"]']
    lines += ["[operations.parameters]"]
    lines += [f'"path.id" = "{google}"', '"header.If-Match" = "*"']
    # Its body holds policies, which are asked about by themselves; and a key means one body.
    lines += ["[[operations]]", 'include-operation-id = "create_connection"', "phases.coverage.enabled = false"]
    return "\n".join(lines)
