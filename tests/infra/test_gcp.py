"""The Terraform files: their shapes, and that they state what the app reads."""

import json
import re
import shutil
from pathlib import Path

import hcl2
import pytest
import sqlalchemy as sa

from infra.package import FILES, RUNTIME
from shared.deployment.queues import QUEUES
from shared.flows.jobs import MAX_BEGUN_RUNS
from shared.foundation.schedule import SYNC_AT, TIMERS, Site
from shared.platforms.microsoft365.credential import SERVICE_ACCOUNT
from tests.infra import terraform
from tests.infra.stated import names, names_what_exists, parsed

ROOT = Path(__file__).parents[2]
GCP = ROOT / "infra" / "gcp"
SITES = sorted(GCP.glob("sites/*.tfvars"))
(written,) = re.findall(r'"(postgresql.+)"', (GCP / "database.tf").read_text())
DATABASE_URL = re.sub(r"\$\{[^}]+\}", "example0", written)
# What stands for the expressions that only a deployment can fill.
FILLED = {
    **{f'local.database_urls["{kind}"]': DATABASE_URL.replace("example0", kind, 1) for kind in ("public", "runtime")},
    "local.public_url": "https://footprint-http-1.example.run.app",
    '"cloud-tasks"': "cloud-tasks",
    '"true"': "true",
    f'"{SERVICE_ACCOUNT}"': SERVICE_ACCOUNT,
    '"public"': "public",
    '"private"': "private",
    '"5"': "5",
    '"projects/${var.project}/locations/${var.region}"': "projects/example/locations/europe-west1",
    "google_service_account.invoker.email": "footprint-invoker@example.iam.gserviceaccount.com",
    "google_service_account.runtime.email": "footprint-runtime@example.iam.gserviceaccount.com",
    "google_service_account.runtime.unique_id": "100000000000000000000",
    'local.urls["job"]': "https://footprint-job-1.example.run.app",
    'local.urls["schedule"]': "https://footprint-schedule-1.example.run.app",
    '"https://storage.googleapis.com/${google_storage_bucket.anchors.name}"': "https://storage.googleapis.com/anchors",
    "google_kms_crypto_key.master.id": "projects/example/locations/europe-west1/keyRings/footprint/cryptoKeys/master",
    "google_kms_crypto_key.credentials.id": "projects/example/locations/europe-west1/keyRings/footprint/cryptoKeys/c",
    'google_sql_user.app["public"].name': "public",
    "google_pubsub_topic.gmail.id": "projects/example/topics/footprint-gmail",
}


def test_the_files_fit_the_providers_own_description() -> None:
    assert terraform.problems(GCP) == []


@pytest.mark.parametrize(
    ("file", "good", "bad", "says"),
    [
        ("queues", "max_attempts", "max_atempts", "retry_config.max_atempts does not exist"),
        ("queues", "rate_limits {", "rate_limit {", "rate_limit does not exist"),
        ("queues", 'resource "google_cloud_tasks_queue"', 'resource "google_task_queue"', "unknown type"),
        ("functions", "entry_point     = each.key", "entry_point     = local.entry", "local.entry does not exist"),
        ("functions", "key        = secret", "name       = secret", "secret_environment_variables.key is missing"),
        ("keys", "key_ring                   = google_kms_key_ring.main.id", "", "master.key_ring is missing"),
        ("keys", "google_kms_key_ring.main.id", "google_kms_key_ring.mine.id", "google_kms_key_ring.mine does not"),
        ("queues", "locals {", "locals {\n  idle = 1", "local.idle is used by nothing"),
        ("notifications", "expiration_policy {", "expiration_policy = {\n", "should be a block"),
        ("main", 'data "google_project" "this" {}', "", "data.google_project.this does not exist"),
        ("variables", 'variable "region" {', 'variable "regions" {', "var.region does not exist"),
    ],
)
def test_the_check_finds_what_is_planted(file: str, good: str, bad: str, says: str, tmp_path: Path) -> None:
    shutil.copytree(GCP, tmp_path, dirs_exist_ok=True)
    path = tmp_path / f"{file}.tf"
    text = path.read_text()
    assert good in text
    path.write_text(text.replace(good, bad, 1))
    assert [text for text in terraform.problems(tmp_path) if says in text], terraform.problems(tmp_path)


def _stated(path: Path, kind: str) -> dict[str, str]:
    """The settings of a function that faces the internet, or works, in a deployment with these variables."""
    given = terraform.unquoted(hcl2.loads(path.read_text()))
    functions = (GCP / "functions.tf").read_text()
    text = functions.partition("settings = merge({")[2].partition("}, var.settings, var.applications)")[0]
    text += functions.partition(f"    {kind} = {{")[2].partition("settings = {")[2].partition("}")[0].replace(" }", "")
    written = {name: value.strip() for name, value in re.findall(r"(FOOTPRINT_\w+)\s*=\s*(.+)", text)}
    assert written.pop("FOOTPRINT_SITES") == "jsonencode(sort(var.sites))"
    own = {name: FILLED[expression] for name, expression in written.items()}
    own |= {"FOOTPRINT_SITES": json.dumps(given["sites"])}
    return own | {name: _text(value) for name, value in given["settings"].items()}


def _text(value: str) -> str:
    """What a heredoc says."""
    inside = re.fullmatch(r'"?<<-(\w+)\n(.*)\n\s*\1"?', value, re.DOTALL)
    return inside[2] if inside else value


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.stem)
def test_every_sites_settings_are_the_apps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = parsed(_stated(path, "public"), monkeypatch)
    assert (public.functions, public.credentials_key, public.microsoft.federated) == ("public", None, None)
    stated = _stated(path, "private")
    assert stated.keys() <= names()
    variables = terraform.read(GCP)["variable"]
    assert set(variables["secret_settings"]["default"]) <= names()
    settings = parsed(stated, monkeypatch)
    assert settings.sites == [Site(path.stem)]
    assert settings.queue == "cloud-tasks"
    assert settings.anchors_bucket == "https://storage.googleapis.com/anchors"
    assert settings.master_key.kms == FILLED["google_kms_crypto_key.master.id"]
    assert settings.functions == "private"
    assert settings.credentials_key is not None
    assert settings.credentials_key.kms == FILLED["google_kms_crypto_key.credentials.id"]
    assert settings.microsoft.federated == SERVICE_ACCOUNT
    for one, user in ((public, "public"), (settings, "runtime")):
        at = sa.make_url(one.database_url)
        assert (one.database_identity, at.username, at.password) == ("google", user, None)
        assert at.query.keys() == {"host", "hostaddr", "sslrootcert"}
    assert settings.database_public is not None
    assert settings.database_public.name == sa.make_url(public.database_url).username
    assert (settings.database_public.principal, public.database_public) == (None, None)
    given = terraform.unquoted(hcl2.loads(path.read_text()))
    secret = {name for name, variable in variables.items() if variable.get("ephemeral")}
    needed = {name for name, variable in variables.items() if "default" not in variable}
    assert needed <= given.keys() <= variables.keys() - secret


def test_every_site_has_its_variables() -> None:
    assert {path.stem for path in SITES} == set(map(str, SYNC_AT))
    listed = re.search(r"setsubtract\(var.sites, (\[.+?\])\)", (GCP / "variables.tf").read_text())
    assert listed is not None
    assert set(json.loads(listed[1])) == set(map(str, Site))


def test_the_schedules_are_the_apps_timers() -> None:
    assert terraform.read(GCP)["locals"]["timers"] == {timer.name: timer.cron() for timer in TIMERS}


def test_the_queues_are_the_apps_and_outlast_its_patience() -> None:
    queues = terraform.read(GCP)["locals"]["queues"]
    assert set(queues) == set(QUEUES)
    assert all(queue["attempts"] > MAX_BEGUN_RUNS for queue in queues.values())


def test_the_entry_points_exist() -> None:
    functions = terraform.read(GCP)["locals"]["functions"]
    packed = (ROOT / FILES["gcp"]["main.py"]).read_text()
    assert re.findall(r'"(\w+)"', packed.partition("__all__")[2]) == sorted(functions)
    assert [name for name, shape in functions.items() if shape["caller"] == "allUsers"] == ["http"]
    assert [name for name, shape in functions.items() if shape["ingress"] == "ALLOW_ALL"] == ["http"]


def test_who_faces_the_internet_has_no_right_to_what_opens_tenants() -> None:
    tree = terraform.read(GCP)
    functions, kinds = tree["locals"]["functions"], tree["locals"]["kinds"]
    assert {name: shape["is"] for name, shape in functions.items()} == {
        "http": "public",
        "job": "private",
        "schedule": "private",
    }
    assert "service_account.public" in str(kinds["public"]["account"])
    # Every right that its account has: content's key, the secrets of the console, the queues, the invoker's
    # name, the anchors, and to sign in to the database, whose rights are not Google's to give.
    public = {name: one for name, one in tree["resource"].items() if _is_for_public(one)}
    assert set(public) == {
        "google_kms_crypto_key_iam_member.wraps",
        "google_secret_manager_secret_iam_member.public_reads",
        "google_cloud_tasks_queue_iam_member.public_sends",
        "google_service_account_iam_member.sends",
        "google_storage_bucket_iam_member.public_anchors",
        "google_sql_user.app",
        "google_project_iam_member.signs_in",
        "google_secret_manager_secret_iam_member.reads_authority",
    }
    assert public["google_project_iam_member.signs_in"]["role"] == "roles/cloudsql.instanceUser"
    assert "authority" in public["google_secret_manager_secret_iam_member.reads_authority"]["secret_id"]
    assert public["google_storage_bucket_iam_member.public_anchors"]["role"] == "roles/storage.objectViewer"
    assert "master" in public["google_kms_crypto_key_iam_member.wraps"]["crypto_key_id"]
    assert "invoker" in public["google_service_account_iam_member.sends"]["service_account_id"]
    assert "public_settings" in public["google_secret_manager_secret_iam_member.public_reads"]["for_each"]
    credentials = tree["resource"]["google_kms_crypto_key_iam_member.runtime_opens_credentials"]
    assert "credentials" in credentials["crypto_key_id"]
    assert "runtime" in credentials["member"]
    # Its own secrets are those that only the console and the scanner have.
    named = re.search(r'regex\("\^\((.+?)\)"', (GCP / "keys.tf").read_text())
    assert named is not None
    assert named[1].split("|") == ["FOOTPRINT_OPERATORS__", "FOOTPRINT_SCANNER__"]


def _is_for_public(resource: dict[str, object]) -> bool:
    """Whether a resource gives the public account something, by itself or as one of `members`."""
    return "service_account.public" in str(resource.get("member", "")) or "local.members" in str(
        resource.get("for_each", "")
    )


def test_the_runtime_is_the_one_that_is_packed_for() -> None:
    build = terraform.read(GCP)["resource"]["google_cloudfunctions2_function.entry"]["build_config"][0]
    assert build["runtime"] == "python" + "".join(map(str, RUNTIME))


def test_work_may_take_as_long_on_both_clouds() -> None:
    hours, minutes, seconds = json.loads((ROOT / "host.json").read_text())["functionTimeout"].split(":")
    functions = terraform.read(GCP)["locals"]["functions"]
    assert functions["job"]["timeout"] == int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def test_no_secret_reaches_the_state() -> None:
    """What is secret is never kept, and goes only where it is written without being kept."""
    tree = terraform.read(GCP)
    secret = {name for name, variable in tree["variable"].items() if variable.get("ephemeral")}
    assert secret == {"secrets"}
    for path in GCP.glob("*.tf"):
        for line in path.read_text().splitlines():
            if re.search(r"\bvar\.secrets\b", line):
                assert re.match(r"\s*secret_data_wo\s*=", line)


def test_the_readme_names_what_exists() -> None:
    readme = (GCP / "README.md").read_text()
    tree = terraform.read(GCP)
    for name in re.findall(r"terraform output (?:-raw )?(\w+)", readme):
        assert name in tree["output"], name
    for name in re.findall(r"(?:-var |TF_VAR_)'?(\w+)=", readme):
        assert name in tree["variable"], name
    for address in re.findall(r"google_\w+\.\w+", readme):
        assert address in tree["resource"], address
    names_what_exists(readme, "gcp")
