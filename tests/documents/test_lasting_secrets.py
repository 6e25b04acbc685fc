"""The table of lasting secrets names every setting, column and template that holds one, and nothing else."""

import re
from pathlib import Path
from typing import Any, get_args

import sqlalchemy as sa
from pydantic import BaseModel, SecretStr

from infra.local.lasting_secrets import SECRETS
from shared.foundation.settings import Settings
from shared.storage.tables import metadata

ROOT = Path(__file__).parents[2]
# Sealed, and no secret: content of customers, and what is over within days.
CONTENT = {"baselines.sealed", "exports.sealed", "quarantine.sealed", "snapshots.sealed", "looks.sealed"}
SHORT = {
    "callbacks.sealed",
    "callbacks.proven",
    "idempotency_keys.sealed",
    "sessions.sealed",
    "sessions.mac",
    "tokens.sealed",
    "workers_keys.public",
}
# Files that hold no secret, and what only an emulator of storage is given.
NO_SECRETS = {"ANCHORS", "AZURE_STORAGE__CONNECTION_STRING", "CA_FILE", "CLOCK_FILE"}


def secret_settings(model: type[BaseModel] = Settings, prefix: str = "") -> set[str]:
    """The settings that are not shown, and those that name a file."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        kinds: list[Any] = [one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type)]
        for inner in (one for one in kinds if issubclass(one, BaseModel)):
            found |= secret_settings(inner, f"{prefix}{name.upper()}__")
        if not field.repr or {SecretStr, Path} & set(kinds):
            found.add(f"{prefix}{name.upper()}")
    return found


def test_every_setting_that_holds_a_secret_is_in_the_table() -> None:
    told = [name for one in SECRETS for name in one.settings]
    assert len(told) == len(set(told))
    assert set(told) == secret_settings() - NO_SECRETS
    assert secret_settings() >= NO_SECRETS


def test_every_sealed_column_is_in_the_table_or_holds_no_lasting_secret() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.LargeBinary)
    }
    told = [name for one in SECRETS for name in one.columns]
    assert len(told) == len(set(told))
    assert set(told) == sealed - CONTENT - SHORT
    assert sealed >= CONTENT | SHORT


def test_the_templates_keep_no_secret_that_is_not_in_the_table() -> None:
    told = {f"FOOTPRINT_{name}" for one in SECRETS for name in one.settings}
    bicep = re.search(r"^param secretSettings array = \[(.+)\]$", (ROOT / "infra/azure/main.bicep").read_text(), re.M)
    assert bicep is not None
    named = re.findall(r"FOOTPRINT_\w+", bicep[1])
    block = re.search(r'variable "secret_settings" \{.+?\n\}', (ROOT / "infra/gcp/variables.tf").read_text(), re.S)
    assert block is not None
    named += re.findall(r"FOOTPRINT_\w+", block[0])
    assert len(named) >= 2
    assert set(named) <= told
    # What deploys signs in by a federated identity.
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert not re.search(r"\bsecrets\.", path.read_text()), path
