"""The last look at a tenant: every object that the ledger knows is looked at once more, whatever is believed of it."""

from collections.abc import Sequence
from datetime import datetime

from shared.connections.lease import Superseded
from shared.engine.certificate import KeptObject, LastLook, Leftover, Looked
from shared.engine.ledger import NOT_OURS, HoldingState
from shared.engine.rows import Change, Present, Row
from shared.engine.steps import Tenant, known
from shared.foundation.errors import FootprintError


async def look(rows: Sequence[Row], tenant: Tenant) -> LastLook:
    """What of ours is still there, and what could not be looked at; for each kind when and how it was looked at."""
    tenant.forget_reads()
    begun = tenant.now
    left: list[Leftover] = []
    unknown: list[Leftover] = []
    looked: dict[str, Looked] = {}
    for item in known(rows, tenant.ledger):
        row, held = item.row, tenant.ledger.holdings[item.key]
        if not isinstance(row, Change) or held.state in NOT_OURS or held.identity is None:
            continue
        if row.offered and held.state is not HoldingState.GONE:
            continue  # stays, as published, because nobody has asked for its removal
        entry: KeptObject = {"key": item.key, "title": row.title, "identity": held.identity}
        kind = looked.setdefault(row.key, _kind(row, begun))
        try:
            observed = await row.resource.observe(tenant, item.element, held.identity)
        except Superseded:
            raise
        except FootprintError as error:
            unknown.append({**entry, "why": error.sentence})
            kind["found"] = "could not be looked at"
            continue
        if isinstance(observed, Present):
            left.append({**entry, "why": "still there"})
            kind["found"] = "still there"
    return LastLook(left=left, unknown=unknown, looked=list(looked.values()))


def _kind(row: Change, begun: datetime) -> Looked:
    if row.local:
        how = "in our own database"
    elif row.elements is not None:
        how = "by listing: the whole list was read, for each element that was ours"
    else:
        how = "by identity: the platform was asked for the recorded object"
    return {"key": row.key, "title": row.title, "at": begun.isoformat(), "how": how, "found": "nothing of ours"}
