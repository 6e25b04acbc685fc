"""What is installed: locked with hashes, listed in a bill of materials beside each archive, asked for weaknesses."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.bill_of_materials import bill, locked
from infra.local.simulators.small_server import serving
from infra.local.simulators.wire import Answer, Request
from infra.package import ROOT, bill_of, package

LOCKS = ("requirements.txt", "requirements-gcp.txt", "requirements-dev.txt")
CLOUDS = pytest.mark.parametrize("cloud", ["azure", "gcp"])
RUNTIME = {"python_full_version": "3.11.0", "python_version": "3.11", "sys_platform": "linux"}
SMALL = f"""one==1.0 \\
    --hash=sha256:{"a" * 64} \\
    --hash=sha256:{"b" * 64}
    # via
    #   -c requirements-dev.txt
    #   example (pyproject.toml)
two==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:{"c" * 64}
    # via one
three==3.0 \\
    --hash=sha256:{"d" * 64}
    # via one
"""


@pytest.mark.parametrize("name", LOCKS)
def test_each_package_is_locked_with_the_hashes_of_its_files(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = list(locked(text))
    assert len(packages) == len(re.findall(r"^\S", text, re.MULTILINE)) > 20
    assert all(one.hashes and one.version for one in packages)
    assert len({(one.requirement.name, str(one.requirement.marker)) for one in packages}) == len(packages)


def test_a_bill_lists_what_its_runtime_takes_and_who_asked_for_it() -> None:
    made = json.loads(bill("example", "1", "e" * 64, SMALL, RUNTIME))
    assert [one["purl"] for one in made["components"]] == ["pkg:pypi/one@1.0", "pkg:pypi/three@3.0"]
    (files,) = made["components"][0]["externalReferences"]
    assert {one["content"] for one in files["hashes"]} == {"a" * 64, "b" * 64}
    asked = {one["ref"]: one.get("dependsOn", []) for one in made["dependencies"]}
    assert asked == {"example": ["one"], "one": ["three"], "three": []}


@CLOUDS
def test_an_archive_has_a_bill_that_cyclonedx_own_schema_takes(cloud: str, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    package(cloud, archive)
    text = bill_of(cloud, archive)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == bill_of(cloud, archive)
    made = json.loads(text)
    (digest,) = made["metadata"]["component"]["hashes"]
    assert digest["content"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    named = {one["name"] for one in made["components"]}
    assert {"httpx", "cryptography", "sqlalchemy"} <= named
    assert ("azure-functions" in named, "functions-framework" in named) == (cloud == "azure", cloud == "gcp")
    assert len(made["components"]) == len(named), "a package is listed for another Python as well"


def audited(url: str) -> subprocess.CompletedProcess[str]:
    """The audit, as `make check` starts it, with another place to ask."""
    command = [sys.executable, "-m", "infra.audit", "--osv-url", url]
    alone = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, env=alone)  # noqa: S603


def test_a_published_weakness_fails_the_check_and_is_named() -> None:
    asked = []

    def osv(request: Request) -> Answer:
        question = json.loads(request.body)
        asked.append(question["package"]["name"])
        if asked[-1] != "httpx":
            return Answer(body={})
        fixed = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9.9"}]}]
        of = [{"package": {"name": "httpx", "ecosystem": "PyPI"}, "ranges": fixed}]
        return Answer(body={"vulns": [{"id": "PYSEC-2026-1", "summary": "An example", "affected": of}]})

    with serving(osv) as url:
        done = audited(url)
    assert done.returncode == 1
    assert re.search(r"^httpx [\d.]+: PYSEC-2026-1, mended in 9\.9\.9$", done.stderr, re.MULTILINE)
    assert len(asked) > 60


@pytest.mark.parametrize("status", [200, 403, 503])
def test_without_weaknesses_or_an_answer_nothing_fails(status: int) -> None:
    with serving(lambda _: Answer(status=status, body={})) as url:
        done = audited(url)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("skipped" in done.stdout) == (status != 200)


def test_without_a_network_the_audit_is_skipped_and_says_so() -> None:
    with serving(lambda _: Answer()) as closed:
        pass
    done = audited(closed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Published weaknesses: skipped, for the list of them is not reached from here.\n"
