"""The script that brings it up on Google Cloud: once it makes everything, a second time nothing; and the way back."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.infra.gcloud import NUMBER, URL
from tests.infra.scripts import ROOT, found, made_folder, ran
from tests.infra.stated import names

UP = ("infra/gcp/up.sh", "example-footprint-eu", "eu", "0-0-0")
DOWN = ("infra/gcp/down.sh", "example-footprint-eu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with stand-ins, and the site's file as somebody has it who has made the client."""
    programs = {
        name: f'exec {sys.executable} -m tests.infra.gcloud {tmp_path}/project.json {name} "$@"'
        for name in ("gcloud", "terraform")
    }
    (tmp_path / "project.json").write_text(json.dumps({"changes": []}))
    made_folder(tmp_path, programs)
    here = tmp_path / "checkout"
    shutil.copytree(ROOT / "infra" / "gcp", here / "infra" / "gcp")
    for name in ("infra/__init__.py", "infra/entra.py"):
        shutil.copy(ROOT / name, here / name)
    for name in (".venv", "tests", "shared"):
        (here / name).symlink_to(ROOT / name)
    return tmp_path


def with_a_client(folder: Path) -> None:
    """A person has done what is asked for."""
    site = folder / "checkout" / "infra" / "gcp" / "sites" / "eu.tfvars"
    site.write_text(site.read_text().replace("000000000000-example", f"{NUMBER}-example"))


def test_what_a_person_has_to_do_is_said_with_every_value(folder: Path) -> None:
    done = ran(folder, *UP)
    assert done.returncode == 1
    assert f"{URL}/api/consent/google" in done.stdout
    assert "project=example-footprint-eu" in done.stdout
    assert found(folder, "project")["project"].keys() == {"name", "billing", "services", "bucket"}


def test_one_command_brings_it_up_a_second_changes_nothing_and_one_takes_it_away(folder: Path) -> None:
    with_a_client(folder)
    done = ran(folder, *UP, typed="the-secret\n")
    assert done.returncode == 0, done.stderr
    project, tenant = found(folder, "project"), found(folder, "state")
    applied, secrets = project["project"]["applied"], project["project"]["secrets"]
    assert applied.keys() == {"eu.tfvars", "applications"}
    assert applied["applications"].keys() <= names()
    ours, operators = tenant["rows"]["/applications"]
    (trusted,) = tenant["rows"][f"/applications/{ours['id']}/federatedIdentityCredentials"]
    assert (trusted["issuer"], trusted["subject"]) == ("https://accounts.google.com", "100000000000000000042")
    (secret,) = operators["passwordCredentials"]
    assert secrets == {
        "footprint-google--client-secret": "the-secret",
        "footprint-operators--client-secret": f"secret-{secret['keyId']}",
    }
    assert project["project"]["roles"] == "cloudsqlsuperuser"
    assert not [one for one in secrets.values() if one in done.stdout + done.stderr]
    again = ran(folder, *UP)
    assert again.returncode == 0, again.stderr
    assert (found(folder, "project"), found(folder, "state")) == (project, tenant)
    gcloud = (folder / "gcloud").read_text()
    (folder / "gcloud").write_text(gcloud.replace("exec ", 'case "$1" in secrets) exit 1 ;; esac\nexec '))
    assert ran(folder, *UP, typed="another\n").returncode == 1  # it is not known whether there are secrets
    assert (found(folder, "project"), found(folder, "state")) == (project, tenant)
    (folder / "gcloud").write_text(gcloud)
    held = ran(folder, *DOWN, typed="example-footprint-eu\n")
    assert held.returncode == 1
    assert (found(folder, "project"), found(folder, "state")) == (project, tenant)
    (told,) = re.findall(r"^gcloud (.+)$", held.stderr, re.MULTILINE)
    assert ran(folder, "../gcloud", *told.split()).returncode == 0
    gone = ran(folder, *DOWN, typed="example-footprint-eu\n")
    assert gone.returncode == 0, gone.stderr
    assert found(folder, "project")["project"] == {}
    assert found(folder, "state")["rows"]["/applications"] == []
