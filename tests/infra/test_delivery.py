"""What starts and delivers it beside the clouds' own files: azd, workflows, containers, the Core Tools' settings."""

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # its stubs would be one more package, for one file of tests

from tests.infra import bicep
from tests.infra.stated import names, parsed

ROOT = Path(__file__).parents[2]
AZURE = ROOT / "infra" / "azure"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_azd_finds_the_templates_and_the_app() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.{project['infra']['provider']}").exists()
    app = bicep.read(AZURE / "modules" / "app.bicep")["resources"]["app"]["config"]
    assert {key.strip("'"): value for key, value in app["tags"].items()} == {"azd-service-name": "service"}
    named = re.findall(r"^    service: '(\w+)'$", (AZURE / "main.bicep").read_text(), re.MULTILINE)
    assert named == list(project["services"]) == ["app", "staging", "workers"]
    for one in project["services"].values():
        assert (ROOT / one["project"] / "function_app.py").exists()


def test_azd_gives_the_parameters_that_are_needed() -> None:
    text = (AZURE / "main.parameters.json").read_text()
    given, parameters = json.loads(text)["parameters"], bicep.read(AZURE / "main.bicep")["parameters"]
    needed = {name for name, one in parameters.items() if one.get("default") is None}
    assert needed <= given.keys() <= parameters.keys()
    assert given["settings"]["value"].keys() <= names()


def test_the_core_tools_settings_are_the_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    values = json.loads((ROOT / "infra" / "local" / "local.settings.sample.json").read_text())["Values"]
    assert {name for name in values if name.startswith("FOOTPRINT_")} <= names()
    assert parsed(values, monkeypatch).queue == "azure-storage"


def test_the_containers_use_short_names_and_targets_that_exist() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    images = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert images == ["python:3.11-slim", "base"]
    made = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert f"AS {made['build']['target']}\n" in dockerfile
    makefile = (ROOT / "Makefile").read_text()
    commands = [*re.findall(r"make ([\w./-]+)", dockerfile + made["postCreateCommand"]), "run"]
    for target in commands:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target
