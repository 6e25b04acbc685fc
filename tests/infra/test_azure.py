"""The Bicep files: their shapes, and that they state what the app reads."""

import json
import re
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from pycep import BicepParser

from infra.package import RUNTIME
from shared.deployment.queues import POISON, QUEUES
from shared.foundation.schedule import SYNC_AT, Site
from tests.infra import bicep
from tests.infra.stated import names, names_what_exists, parsed

ROOT = Path(__file__).parents[2]
AZURE = ROOT / "infra" / "azure"
FILES = sorted(AZURE.rglob("*.bicep"))
SITES = sorted(AZURE.glob("sites/*.json"))
MAIN, APP = AZURE / "main.bicep", AZURE / "modules" / "app.bicep"
# What stands for the names that only a deployment can fill.
FILLED = {
    "clientId": "00000000-0000-0000-0000-000000000001",
    "queueUrl": "https://example.queue.core.windows.net/",
    "anchorsUrl": "https://example.blob.core.windows.net/anchors",
    "keyUrl": "https://example.vault.azure.net/keys/footprint",
}
# The same of what the main file says.
SAID = {
    "string(sites)": "",
    "url": "https://example.net",
    "identity.properties.clientId": FILLED["clientId"],
    "publicIdentity.name": "example0-public",
    "publicIdentity.properties.principalId": "00000000-0000-0000-0000-000000000002",
    "workersVault.outputs.keyUrl": "https://examplew.vault.azure.net/keys/footprint",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_fits_azures_own_types(path: Path) -> None:
    assert bicep.problems(path) == []


@pytest.mark.parametrize(
    ("file", "good", "bad", "says"),
    [
        ("vault", "enablePurgeProtection: true", "enablePurgeProtecton: true", "enablePurgeProtecton does not exist"),
        ("vault", "enablePurgeProtection: true", "enablePurgeProtection: 'true'", "should be bool"),
        ("vault", "kty: 'RSA'", "kty: 'RSB'", "kty is RSB"),
        ("vault", "name: 'footprint'\n", "", "it has no name"),
        ("vault", "parent: vault\n  name: 'footprint'", "name: 'footprint'", "its parent should be"),
        ("vault", "guid(vault.id", "guid(vualt.id", "nothing is called vualt"),
        ("vault", "@2026-05-15", "@2026-05-16", "is known at 2026-05-15"),
        ("vault", "Microsoft.KeyVault/vaults/keys", "Microsoft.KeyVault/vaults/locks", "unknown type"),
        ("vault", "sku: { family: 'A', name: 'standard' }", "sku: { family: 'A' }", "sku.name is missing"),
        ("app", "{ reserved: true }", "{ reserved: true, provisioningState: 'x' }", "cannot be set"),
        ("app", "ClientId=${clientId};", "ClientId=${client};", "nothing is called client"),
        ("app", "param alwaysReady int", "param alwaysReady int\nparam idle int", "idle is used by nothing"),
        ("main", "vault.outputs.keyUrl", "vault.outputs.keyUri", "vault has no output keyUri"),
        ("main", "clientId: publicIdentity.properties.clientId", "client: 'x'", "app: parameter clientId is missing"),
        ("main", "clientId: publicIdentity.properties.clientId", "client: 'x'", "app: no parameter client"),
    ],
)
def test_the_check_finds_what_is_planted(file: str, good: str, bad: str, says: str, tmp_path: Path) -> None:
    shutil.copytree(AZURE, tmp_path, dirs_exist_ok=True)
    path = next(tmp_path.rglob(f"{file}.bicep"))
    text = path.read_text()
    assert good in text
    path.write_text(text.replace(good, bad, 1))
    assert [text for text in bicep.problems(path) if says in text], bicep.problems(path)


def test_what_is_no_bicep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "main.bicep").write_text(MAIN.read_text().replace("= {", "= {{", 1))
    with pytest.raises(Exception, match="Unexpected"):
        bicep.read(tmp_path / "main.bicep")


def _stated(path: Path, module: str) -> dict[str, str]:
    """The settings of the public app or of the workers in a deployment with these parameters."""
    parameters = {name: given["value"] for name, given in json.loads(path.read_text())["parameters"].items()}
    main, app = bicep.read(MAIN), bicep.read(APP)
    (url,) = re.findall(r"^ +databaseUrl: (\w+)$", _module(module), re.MULTILINE)
    url = re.sub(r"\$\{\w+\}", "example0", main["variables"][url]["value"])
    filled = FILLED | {"databaseUrl": url}
    own = {name: filled.get(value, value) for name, value in app["variables"]["own"]["value"].items()}
    own |= parameters["settings"]
    for name, value in re.findall(r"^ +(FOOTPRINT_\w+): (.+)$", _module(module), re.MULTILINE):
        own[name] = SAID.get(value) or value.strip("'")
    return own | {"FOOTPRINT_SITES": json.dumps(parameters["sites"])}


def _module(name: str) -> str:
    """What the main file says of one of its modules."""
    return MAIN.read_text().partition(f"module {name} '")[2].partition("\n}\n")[0]


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.stem)
def test_every_sites_settings_are_the_apps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = parsed(_stated(path, "app"), monkeypatch)
    assert (public.functions, public.credentials_key, public.microsoft.federated) == ("public", None, None)
    stated = _stated(path, "workers")
    ours = {name for name in stated if name.startswith("FOOTPRINT_")}
    assert ours <= names()
    in_files = {name for file in FILES for name in re.findall(r"FOOTPRINT_\w+", _without_words(file.read_text()))}
    secret = set(bicep.read(MAIN)["parameters"]["secretSettings"]["default"])
    assert secret <= names()
    filled = ours | secret | {"FOOTPRINT_OPERATORS__", "FOOTPRINT_SCANNER__"}
    assert in_files <= filled, "a setting that this test does not fill"
    settings = parsed(stated, monkeypatch)
    assert settings.sites == [Site(path.stem)]
    assert settings.queue == "azure-storage"
    assert settings.microsoft.federated == settings.azure_identity == FILLED["clientId"]
    assert settings.microsoft.client_secret is None
    assert settings.functions == "private"
    assert settings.credentials_key is not None
    assert settings.credentials_key.key_vault == SAID["workersVault.outputs.keyUrl"]
    for one, user in ((public, "example0-public"), (settings, "example0")):
        at = sa.make_url(one.database_url)
        assert (one.database_identity, at.username, at.password) == ("azure", user, None)
    assert settings.database_public is not None
    assert settings.database_public.name == "example0-public"
    assert str(settings.database_public.principal) == SAID["publicIdentity.properties.principalId"]
    assert public.database_public is None
    assert settings.master_key.key_vault == FILLED["keyUrl"]
    assert settings.anchors_container == FILLED["anchorsUrl"]


def _without_words(text: str) -> str:
    return re.sub(r"//.*|@description\(.*", "", text)


def test_every_site_has_its_parameters_and_they_exist() -> None:
    assert {path.stem for path in SITES} == set(map(str, SYNC_AT))
    parameters = bicep.read(MAIN)["parameters"]
    for path in SITES:
        given = json.loads(path.read_text())["parameters"]
        secure = {name for name, p in parameters.items() if {"type": "secure"} in p["decorators"]}
        assert given.keys() <= parameters.keys() - secure
        needed = {name for name, p in parameters.items() if p.get("default") is None}
        assert needed <= given.keys()


def test_the_queues_are_the_apps() -> None:
    made = bicep.read(MAIN)["variables"]["queues"]["value"]
    assert set(made) == {name + suffix for name in QUEUES for suffix in ("", POISON)}


def test_who_faces_the_internet_has_no_right_to_what_opens_tenants() -> None:
    public = {name: _module(name) for name in bicep.read(MAIN)["modules"] if "publicIdentity." in _module(name)}
    # What gives the public identity something: content's vault, where it tells, its own storage, the queues.
    assert set(public) == {"telemetry", "vault", "publicStorage", "storage", "anchors", "app", "staging", "workers"}
    # The workers are told whom they give the database's rows.
    assert re.findall(r"(\w+): publicIdentity\.", public["workers"]) == [
        "FOOTPRINT_DATABASE_PUBLIC__NAME",
        "FOOTPRINT_DATABASE_PUBLIC__PRINCIPAL",
    ]
    database = _module("database")
    assert "principalId: identity.properties.principalId" in database
    assert "publicIdentity" not in database
    assert "readerId: publicIdentity.properties.principalId" in public["anchors"]
    assert "secretSettings: filter(shared, " in public["vault"]
    assert "principalId: identity.properties.principalId" in public["storage"]
    assert "senderIds: [publicIdentity.properties.principalId]" in public["storage"]
    assert "principalIds: [identity.properties.principalId]" in _module("workersVault")
    assert "secretSettings: filter(private, " in _module("workersVault")
    assert "identityId: publicIdentity.id" in public["app"]
    assert "secretSettings: sharedSecrets\n" in public["app"]
    assert "identityId: identity.id" in _module("workers")
    named = re.search(r"^var shared = (.+)$", MAIN.read_text(), re.MULTILINE)
    assert named is not None
    assert re.findall(r"'(\w+)'", named[1]) == ["FOOTPRINT_OPERATORS__", "FOOTPRINT_SCANNER__"]
    # Entra trusts the workers.
    assert "output identityPrincipalId string = identity.properties.principalId" in MAIN.read_text()


def test_what_is_tried_on_staging_is_what_the_public_app_will_be() -> None:
    own = {
        "name: '${unique}s'": "name: unique",
        "package: 'staging'": "package: 'package'",
        "alwaysReady: 0": "alwaysReady: alwaysReady",
        "service: 'staging'": "service: 'app'",
    }
    text = _module("staging")
    for there, public in own.items():
        assert text.count(there) == 1
        text = text.replace(there, public)
    assert text == _module("app")


def test_the_runtime_is_the_one_that_is_packed_for() -> None:
    runtime = bicep.read(APP)["resources"]["app"]["config"]["properties"]["functionAppConfig"]["runtime"]
    assert runtime == {"name": "python", "version": ".".join(map(str, RUNTIME))}


def test_nothing_in_azure_has_a_key_or_a_password() -> None:
    text = "".join(path.read_text() for path in FILES)
    assert "passwordAuth: 'Disabled'" in text
    for word in (
        "listKeys",
        "AccountKey",
        "allowSharedKeyAccess: true",
        "connectionString:",
        "MICROSOFT__CLIENT_SECRET",
        "LoginPassword",
    ):
        assert word not in text, word
    for secret in re.findall(r"@secure\(\)\n(?:@\w+\(.*\)\n)*param (\w+)", text):
        assert not re.search(rf"^output .*\b{secret}\b", text, re.MULTILINE)


def test_the_readme_names_what_exists() -> None:
    readme = (AZURE / "README.md").read_text()
    main = BicepParser().parse(text=MAIN.read_text())
    for name in re.findall(r"properties\.outputs\.(\w+)", readme):
        assert name in main["outputs"], name
    for name in re.findall(r"--parameters (\w+)=", readme):
        assert name in main["parameters"], name
    names_what_exists(readme, "azure")
