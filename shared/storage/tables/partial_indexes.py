"""Indexes of some of a table's rows: what is rare is in them, so that most rows cost nothing more.

They are declared apart from their tables, because naming an option of a dialect imports the dialect, and a process that
answers its first request has no use for the other database's. To compare a database with the code, take `metadata` from
here.
"""

import sqlalchemy as sa

from shared.storage.tables import events, ledger, metadata

__all__ = ["metadata"]

for _name, _columns, _which in (
    ("events_to_offer", (events.c.at,), sa.text("NOT offered")),
    ("ledger_by_people", (ledger.c.at, ledger.c.connection, ledger.c.number), ledger.c.actor.is_not(None)),
    ("ledger_of_failures", (ledger.c.at, ledger.c.connection), ledger.c.state == sa.literal_column("'failed'")),
):
    sa.Index(_name, *_columns, postgresql_where=_which, sqlite_where=_which)
