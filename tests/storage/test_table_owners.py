"""Each table belongs to one room: its modules alone name it, the others ask them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.storage import tables

ROOT = Path(__file__).parents[2]
PLACES = ("shared", "infra", "gcp_functions")
# The tables themselves, their history, and the bench that writes a month of ten thousand connections at once.
DEFINED = tuple(
    ROOT / path for path in ("shared/storage/tables", "shared/storage/migrations", "infra/local/bench/fleets.py")
)

OWNERS = {
    "approvals": "shared/web",
    "baselines": "shared/connections",
    "batch_items": "shared/flows",
    "batches": "shared/flows",
    "callbacks": "shared/flows",
    "certificates": "shared/engine",
    "checkpoints": "shared/protection",
    "choices": "shared/connections",
    "connections": "shared/connections",
    "cosignatures": "shared/flows",
    "data_keys": "shared/deployment",
    "decisions": "shared/protection",
    "deferred_jobs": "shared/flows",
    "deliveries": "shared/flows",
    "directory_removals": "shared/protection",
    "domains": "shared/protection",
    "events": "shared/connections",
    "expected_jobs": "shared/flows",
    "exports": "shared/protection",
    "grants": "shared/connections",
    "groups": "shared/protection",
    "halts": "shared/connections",
    "holdings": "shared/engine",
    "idempotency_keys": "shared/storage",
    "jobs": "shared/deployment",
    "ledger": "shared/engine",
    "links": "shared/deployment",
    "listings": "shared/protection",
    "looks": "shared/flows",
    "mail_days": "shared/protection",
    "mailboxes": "shared/protection",
    "marked_messages": "shared/flows",
    "members": "shared/protection",
    "operations": "shared/connections",
    "orders": "shared/flows",
    "placed": "shared/protection",
    "policies": "shared/protection",
    "preflights": "shared/connections",
    "quarantine": "shared/protection",
    "report_settings": "shared/flows",
    "reports": "shared/flows",
    "sessions": "shared/web",
    "set_aside": "shared/protection",
    "sightings": "shared/flows",
    "signing_keys": "shared/deployment",
    "snapshots": "shared/connections",
    "sync_runs": "shared/protection",
    "timers": "shared/flows",
    "totals": "shared/flows",
    "tokens": "shared/connections",
    "tombstones": "shared/engine",
    "users": "shared/protection",
    "webhooks": "shared/flows",
    "deployment_alerts": "shared/flows",
    "witnesses": "shared/flows",
    "workers_keys": "shared/deployment",
}


def named(source: str) -> Iterator[str]:
    """Every name of a module that is taken from `shared.storage.tables`, however that is imported."""
    if "tables" not in source:
        return
    tree, packages = ast.parse(source), set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="shared.storage", names=names):
                packages |= {one.asname or one.name for one in names if one.name == "tables"}
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("shared.storage.tables"):
                yield from (one.name for one in names)
            case ast.Import(names=names):
                packages |= {one.asname or one.name for one in names if one.name.startswith("shared.storage.tables")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in packages:
            yield node.attr


def strangers(path: Path, names: Iterable[str]) -> set[str]:
    """Of the tables that a module names, those that belong to another room."""
    return {name for name in names if name in OWNERS and not path.is_relative_to(ROOT / OWNERS[name])}


def test_every_table_has_an_owner() -> None:
    assert OWNERS.keys() == tables.metadata.tables.keys()


def test_a_table_is_named_by_its_owner_alone() -> None:
    sources = [path for place in PLACES for path in (ROOT / place).rglob("*.py")]
    mine = [path for path in sources if not any(path.is_relative_to(folder) for folder in DEFINED)]
    used = {path: set(named(path.read_text())) & OWNERS.keys() for path in mine}
    found = {str(path.relative_to(ROOT)): strangers(path, names) for path, names in used.items()}
    assert {path: names for path, names in found.items() if names} == {}
    assert set().union(*used.values()) == OWNERS.keys()  # each is named somewhere, so nothing was overlooked


def test_a_stranger_is_seen_however_it_imports_the_table() -> None:
    flow = ROOT / "shared/flows/sync.py"
    for source in (
        "from shared.storage import tables as db\nquery = db.users.c.id",
        "from shared.storage import tables\nquery = tables.users",
        "from shared.storage.tables import users as others",
        "from shared.storage.tables.directory import users",
        "import shared.storage.tables\nshared.storage.tables.users",
        "def late():\n    from shared.storage import tables as db\n    return db.users",
    ):
        assert strangers(flow, named(source)) == {"users"}, source
    assert strangers(ROOT / "shared/protection/targets.py", ["users"]) == set()
