"""A directory's users kept by an ORM, as one does it: each merged, and a page committed at once."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterable
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """Of the one table."""


class User(Base):
    """One user of the directory."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    mail: Mapped[str | None]
    enabled: Mapped[bool]
    kind: Mapped[str | None]


class Store:
    """The users of this process, in the file that BENCH_DATABASE names; without one nothing is kept."""

    def __init__(self) -> None:
        path = os.environ.get("BENCH_DATABASE")
        self.number, self._engine = 0, create_engine(f"sqlite:///{path}") if path else None
        if self._engine is not None:
            Base.metadata.create_all(self._engine)
        self._began = _spent()

    def put(self, page: Iterable[dict[str, Any]]) -> bool:
        """Keep a page; True when as many are read as BENCH_USERS says."""
        rows = list(page)
        self.number += len(rows)
        if self._engine is not None:
            with Session(self._engine) as session:
                for row in rows:
                    session.merge(User(**row))
                session.commit()
        return self.number >= int(os.environ["BENCH_USERS"])

    def tell(self) -> None:
        """Print how many there were, and what they took of a core, as one line of JSON."""
        sys.stdout.write(json.dumps({"number": self.number, "cpu": _spent() - self._began}) + "\n")


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
