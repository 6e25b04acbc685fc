"""The commands in the documents can be typed: scripts with what they take, modules with their options, outputs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_group

from infra.local.printed_tables import ROOT, documents
from shared.cli.commands import app
from tests.infra import bicep

OUTPUTS = {
    "azure": set(bicep.read(ROOT / "infra" / "azure" / "main.bicep")["outputs"]),
    "gcp": set(re.findall(r'^output "(\w+)"', (ROOT / "infra" / "gcp" / "outputs.tf").read_text(), re.MULTILINE)),
}
# What azd itself asks for (https://learn.microsoft.com/azure/developer/azure-developer-cli/manage-environment-variables).
AZD = {"AZURE_RESOURCE_GROUP", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID"}
DOCUMENTS = [path for path in documents() if path.name != "CHANGELOG.md"]


def typed(text: str) -> Iterator[str]:
    """Every command of a document, whole: the lines of its blocks, and its code spans."""
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]
    for block in blocks:
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            yield from (part.strip() for part in line.split("&&"))
    yield from spans


def problems(text: str, cloud: str = "") -> list[str]:
    """What of a document's commands does not exist."""
    found = [problem for command in typed(text) for problem in _of(command)]
    # Where the text speaks of outputs, they are its own cloud's.
    for several in re.findall(r"\boutputs? ((?:`\w+`(?:, | and )?)+)", text) if cloud else ():
        found += [f"no output {name}" for name in re.findall(r"`(\w+)`", several) if name not in OUTPUTS[cloud]]
    return found


def _of(command: str) -> Iterator[str]:
    if script := re.search(r"(?:^|\s)(infra/\w+/\w+\.sh)((?: [^-\s]\S*| <[^>]+>)*)", command):
        yield from _script(script[1], re.findall(r"<[^>]+>|\S+", script[2]))
    if module := re.search(r"python -m ((?:infra|shared)[.\w]*)", command):
        yield from _module(module[1], command)
    for cloud, pattern in (("gcp", r"output -raw (\w+)"), ("azure", r"properties\.outputs\.(\w+)")):
        yield from (f"no output {name}" for name in re.findall(pattern, command) if name not in OUTPUTS[cloud])
    given = (ROOT / "infra" / "azure" / "main.parameters.json").read_text()
    for name in re.findall(r"azd env set (\w+)", command):
        if name not in AZD and f"${{{name}" not in given:
            yield f"azd does not read {name}"
    if line := re.match(r"footprint ([a-z].*)", command):
        yield from _footprint(line[1].split())


def _script(path: str, words: list[str]) -> Iterator[str]:
    if not (ROOT / path).exists():
        yield f"no script {path}"
        return
    needed = len(re.findall(r"\$\{\d:\?", (ROOT / path).read_text()))
    if words and len(words) < needed:
        yield f"{path} takes {needed} words, not {len(words)}"
    if len(words) > 1 and "site=${2:?" in (ROOT / path).read_text():
        sites = [one.stem for one in (ROOT / path).parent.joinpath("sites").iterdir()]
        if not words[1].startswith("<") and words[1] not in sites:
            yield f"no site {words[1]}"


def _module(name: str, command: str) -> Iterator[str]:
    path = ROOT / name.replace(".", "/")
    files = [one for one in (path.with_suffix(".py"), path / "__main__.py") if one.exists()]
    if not files:
        yield f"no module {name}"
        return
    source = files[0].read_text()
    for option in re.findall(r"\s(--[a-z-]+)", command.partition(name)[2]):
        if name != "shared" and f'"{option}"' not in source:
            yield f"{name} has no option {option}"


def _footprint(words: list[str]) -> Iterator[str]:
    found, name = get_group(app), []
    while inner := getattr(found, "commands", {}):
        if not words or words[0].startswith("-"):
            return
        name.append(words.pop(0))
        if name[-1] not in inner:
            yield f"footprint has no {' '.join(name)}"
            return
        found = inner[name[-1]]
    options = {option for one in found.params for option in [*one.opts, *one.secondary_opts]}
    for option in re.findall(r"\s(--[a-z-]+)", " ".join(["", *words])):
        if option not in options:
            yield f"footprint {' '.join(name)} has no {option}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_of_a_document_can_be_typed(document: Path) -> None:
    cloud = document.parent.name
    assert problems(document.read_text(), cloud if cloud in OUTPUTS else "") == []


def test_the_documents_have_commands() -> None:
    told = [command for document in DOCUMENTS for command in typed(document.read_text())]
    for begin in ("infra/azure/up.sh", "infra/gcp/up.sh", ".venv/bin/python -m infra.entra", "footprint "):
        assert [one for one in told if one.startswith(begin)], begin


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        ("`infra/azure/up.sh footprint-eu`", "infra/azure/up.sh takes 2 words, not 1"),
        ("`infra/azure/up.sh footprint-eu mars`", "no site mars"),
        ("`infra/gcp/upp.sh`", "no script infra/gcp/upp.sh"),
        ("`terraform -chdir=infra/gcp output\n-raw public_uri`", "no output public_uri"),
        ("with the outputs `publicUrl` and `principal`:", "no output principal"),
        ("```sh\nazd env set MAIL x && azd up\n```", "azd does not read MAIL"),
        ("```sh\npython -m infra.entra \\\n  --address x\n```", "infra.entra has no option --address"),
        ("`python -m shared.migrate`", "no module shared.migrate"),
        ("`footprint halts begin everything`", "footprint has no halts begin"),
        ("`footprint halts create everything --because x`", "footprint halts create has no --because"),
    ],
)
def test_what_is_planted_is_found(planted: str, says: str) -> None:
    assert problems(planted, "azure") == [says]


def test_the_numbers_of_commands_are_the_readmes() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for cloud, title in (("azure", "Azure"), ("gcp", "Google Cloud")):
        readme = (ROOT / "infra" / cloud / "README.md").read_text()
        (block,) = re.findall(r"## From nothing\n.*?```sh\n(.*?)```", readme, re.DOTALL)
        back = re.findall(rf"^\d\. `(infra/{cloud}/down\.sh [^`]+)`", readme, re.MULTILINE)
        numbers = f"| {title} | {len(block.splitlines())} | {len(back)} |"
        assert numbers in text
        assert len(block.splitlines()) <= 5
