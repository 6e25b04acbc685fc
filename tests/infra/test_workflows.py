"""The workflows, run step by step with stand-ins for the clouds: what they deploy, try, shift and give back."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # its stubs would be one more package, for one file of tests

from infra import smoke
from tests.infra import bicep
from tests.infra.az import URL as AZURE_URL
from tests.infra.gcloud import URL as GOOGLE_URL
from tests.infra.scripts import ROOT, found, made_folder

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STAGING, TRIED = "https://footprint0s.azurewebsites.net", GOOGLE_URL.replace("https://", "https://try---")
VARIABLES = {
    "GROUP": "footprint-eu",
    "SITE": "eu",
    "AUDIENCE": "operators",
    "PROJECT": "example-footprint-eu",
    "REGION": "europe-west1",
}
SMOKE = """echo "$FOOTPRINT_URL" >> {folder}/lived
[ "$2" = infra.smoke ] && [ "$FOOTPRINT_TOKEN" = a-token ] && ! grep -qsx "$FOOTPRINT_URL" {folder}/bad"""


@dataclass(kw_only=True)
class Runner:
    """A machine of GitHub's, in a folder with stand-ins; an action that is used does nothing on it."""

    folder: Path
    cloud: str
    ran: list[str] = field(default_factory=list)
    status: str = "success"
    outcomes: dict[str, str] = field(default_factory=dict)

    def run(self, act: str) -> None:
        """Run the one job of the cloud's workflow."""
        (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / f"{self.cloud}.yml").read_text())["jobs"].values()
        for step in job["steps"]:
            name = step.get("name", step.get("run", "an action"))
            wanted = self._true(str(step["if"]), act) if "if" in step else True
            if not wanted or (self.status != "success" and "always()" not in str(step.get("if"))):
                outcome = "skipped"
            elif "run" in step:
                outcome = self._typed(step["run"])
                self.ran.append(name)
            else:
                outcome = "success"
            self.outcomes[step.get("id", name)] = outcome
            self.status = "failure" if outcome == "failure" else self.status

    def _true(self, condition: str, act: str) -> bool:
        """What GitHub makes of a condition, of the few words that these have."""
        words = {"&&": " and ", "||": " or ", "always()": "True", "inputs.act": repr(act)}
        words |= {"job.status": repr(self.status)}
        words |= {f"steps.{one}.outcome": repr(outcome) for one, outcome in self.outcomes.items()}
        for word, meaning in words.items():
            condition = condition.replace(word, meaning)
        return bool(eval(condition, {"__builtins__": {}}))  # noqa: S307 - a condition of our own file

    def _typed(self, text: str) -> str:
        path = f"{self.folder}:/usr/bin:/bin"
        environment = {**VARIABLES, "PATH": path, "PYTHONPATH": str(ROOT)}
        here = self.folder / "checkout"
        done = subprocess.run(["/bin/bash", "-e", "-c", text], cwd=here, env=environment, check=False)  # noqa: S603 - ours
        return "failure" if done.returncode else "success"

    @property
    def lived(self) -> list[str]:
        """Where a smoke life was lived."""
        file = self.folder / "lived"
        return file.read_text().split() if file.exists() else []

    def fails_at(self, url: str) -> None:
        """The smoke life fails at an address."""
        (self.folder / "bad").write_text(f"{url}\n")


@pytest.fixture
def runner(cloud: str, tmp_path: Path) -> Runner:
    """A runner with the checkouts that the workflow makes."""
    programs = {
        name: f'exec {sys.executable} -m tests.infra.gcloud {tmp_path}/project.json {name} "$@"'
        for name in ("gcloud", "terraform")
    }
    made_folder(tmp_path, programs)
    state = found(tmp_path, "state") | {"group": {"deployed": {}}}
    (tmp_path / "state.json").write_text(json.dumps(state))
    for one in ("new", "fallback") if cloud == "azure" else ("",):
        here = tmp_path / "checkout" / one
        (here / "infra").mkdir(parents=True)
        for name in ("azure", "gcp", "try.sh"):
            (here / "infra" / name).symlink_to(ROOT / "infra" / name)
        (here / ".venv" / "bin").mkdir(parents=True)
        python = here / ".venv" / "bin" / "python"
        python.write_text(f"#!/bin/sh\n{SMOKE.format(folder=tmp_path)}\n")
        python.chmod(0o755)
    project = {"bucket": "gs://example-footprint-eu-state", "functions": {}}
    for function in ("http", "job", "schedule"):
        project["functions"][f"footprint-{function}"] = {"newest": 1, "tags": {}, "serves": None}  # type: ignore[index]
    (tmp_path / "project.json").write_text(json.dumps({"changes": [], "project": project}))
    return Runner(folder=tmp_path, cloud=cloud)


def code(runner: Runner) -> dict[str, str]:
    """Which checkout's archive each app has."""
    group = found(runner.folder, "state")["group"]
    return {
        key.removeprefix("code of footprint0"): value.split("/")[0] for key, value in group.items() if "code" in key
    }


def serving(runner: Runner) -> dict[str, Any]:
    """Which revision of each function serves."""
    services = found(runner.folder, "project")["project"]["functions"]
    return {name.removeprefix("footprint-"): int(one["serves"].rpartition("-")[2]) for name, one in services.items()}


@pytest.mark.parametrize("cloud", ["azure"])
def test_azures_public_app_gets_what_lived_on_staging(runner: Runner) -> None:
    runner.run("deploy")
    assert (runner.status, runner.lived) == ("success", [STAGING, AZURE_URL])
    assert code(runner) == {"w": "new", "s": "new", "": "new"}
    assert "Roll back" not in runner.ran


@pytest.mark.parametrize("cloud", ["azure"])
@pytest.mark.parametrize(("bad", "lived"), [(STAGING, [STAGING]), (AZURE_URL, [STAGING, AZURE_URL])])
def test_on_azure_a_failed_smoke_life_brings_the_fallback_back(runner: Runner, bad: str, lived: list[str]) -> None:
    runner.fails_at(bad)
    runner.run("deploy")
    assert (runner.status, runner.lived) == ("failure", lived)
    assert code(runner) == {"w": "fallback", "s": "fallback", "": "fallback"}
    assert ("Shift the traffic" in runner.ran) == (bad == AZURE_URL)


@pytest.mark.parametrize("cloud", ["azure"])
def test_azure_is_rolled_back_by_hand(runner: Runner) -> None:
    runner.run("roll back")
    assert runner.status == "success"
    assert runner.ran == ["make -C fallback package-azure", "Roll back"]
    assert code(runner) == {"w": "fallback", "s": "fallback", "": "fallback"}


@pytest.mark.parametrize("cloud", ["gcp"])
def test_googles_new_revision_serves_once_it_has_lived_without_traffic(runner: Runner) -> None:
    runner.run("deploy")
    assert (runner.status, runner.lived) == ("success", [TRIED, GOOGLE_URL])
    assert serving(runner) == {"http": 2, "job": 2, "schedule": 2}
    assert "Roll back" not in runner.ran


@pytest.mark.parametrize("cloud", ["gcp"])
@pytest.mark.parametrize("bad", [TRIED, GOOGLE_URL])
def test_on_google_a_failed_smoke_life_gives_the_traffic_back(runner: Runner, bad: str) -> None:
    runner.fails_at(bad)
    runner.run("deploy")
    assert runner.status == "failure"
    assert serving(runner) == {"http": 1, "job": 1, "schedule": 1}
    changes = " ".join(found(runner.folder, "project")["changes"])
    assert ("footprint-http-00002=100" in changes) == (bad == GOOGLE_URL)


@pytest.mark.parametrize("cloud", ["gcp"])
def test_google_is_rolled_back_by_hand(runner: Runner) -> None:
    runner.run("deploy")
    again = Runner(folder=runner.folder, cloud="gcp")
    again.run("roll back")
    assert (again.status, again.ran) == ("success", ["Roll back"])
    assert serving(runner) == {"http": 1, "job": 1, "schedule": 1}


@pytest.mark.parametrize("cloud", ["azure", "gcp"])
def test_what_fails_before_anything_is_deployed_rolls_nothing_back(runner: Runner) -> None:
    (runner.folder / "make").write_text('#!/bin/sh\ncase "$*" in *test*) exit 1 ;; esac\n')
    runner.run("deploy")
    assert (runner.status, "Roll back" in runner.ran, runner.lived) == ("failure", False, [])


def unknown(text: str) -> Iterator[str]:
    """What a workflow or script names and nothing has."""
    makefile = (ROOT / "Makefile").read_text()
    for targets in re.findall(r"run: make (?:-C \w+ )?(.+)", text):
        yield from (one for one in targets.split() if not re.search(rf"^{one}:", makefile, re.MULTILINE))
    google = "".join((ROOT / "infra" / "gcp" / name).read_text() for name in ("outputs.tf", "variables.tf"))
    yield from (one for one in re.findall(r"output -raw (\w+)", text) if f'output "{one}"' not in google)
    given = re.findall(r'TF_VAR_(\w+)|-var "?(\w+)=', text)
    yield from (one for pair in given for one in pair if one and f'variable "{one}"' not in google)
    outputs = bicep.read(ROOT / "infra" / "azure" / "main.bicep")["outputs"]
    yield from (one for one in re.findall(r"properties\.outputs\.(\w+)\.value", text) if one not in outputs)
    yield from (one for one in re.findall(r"\binfra/\S+?\.sh\b", text) if not (ROOT / one).exists())
    yield from (one for one in re.findall(r"pytest (\S+)", text) if not (ROOT / one).exists())
    for words in re.findall(r"traffic\.sh \S+ \S+ (\w+)", text):
        yield from [] if f"\n  {words})\n" in (ROOT / "infra" / "gcp" / "traffic.sh").read_text() else [words]
    for words in re.findall(r"-m infra\.smoke(.*)", text):
        source = Path(smoke.__file__).read_text()
        yield from (one for one in re.findall(r"--[a-z-]+", words) if f'"{one}"' not in source)


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "infra" / "try.sh"], ids=lambda path: path.stem)
def test_a_workflow_names_what_exists(path: Path) -> None:
    assert list(unknown(path.read_text())) == []


@pytest.mark.parametrize(
    "planted",
    [
        "run: make tests",
        "terraform -chdir=infra/gcp output -raw public_uri",
        "TF_VAR_app: x",
        '-var "proj=x"',
        "properties.outputs.publicUri.value",
        "new/infra/azure/send.sh",
        "pytest tests/none.py",
        'infra/gcp/traffic.sh "$A" "$B" stop',
        "python -m infra.smoke --url x",
    ],
)
def test_what_is_planted_is_found(planted: str) -> None:
    assert list(unknown(planted))


def test_each_workflow_asks_for_the_variables_that_it_uses() -> None:
    for path in WORKFLOWS:
        text = path.read_text()
        (asked,) = re.findall(r"with the variables (.+)", text) or [""]
        assert set(re.findall(r"\bvars\.(\w+)", text)) == set(re.findall(r"\b[A-Z_]{4,}\b", asked)), path.name
