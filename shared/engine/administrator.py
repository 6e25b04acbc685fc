"""What only an administrator can do: asked for once, looked for by machine, and believed gone on a second look.

Where no machine can tell, somebody's word decides; where one can, what it sees decides, whatever was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.chain import Act
from shared.engine.ledger import NOT_OURS, Holding, HoldingState
from shared.engine.rows import ByAdministrator, Row, Sighting, Want, Wanted
from shared.engine.steps import MISSING, PlanItem, Step, Tenant, Verb
from shared.foundation.errors import ConsentMissing, TurnedAway
from shared.storage import tables as db
from shared.storage.database import Database


@dataclass(frozen=True, kw_only=True)
class Question:
    """One thing that an administrator has in hand, with what is known and wanted of it."""

    item: PlanItem
    row: ByAdministrator
    tenant: Tenant
    held: Holding | None
    stage: Stage

    @property
    def state(self) -> HoldingState:
        """Where it stands; what was never heard of counts as gone."""
        return self.held.state if self.held else HoldingState.GONE

    async def look(self) -> Sighting:
        """What a machine sees. While revoking, being blind is no failure: the administrator's word remains."""
        try:
            return await self.row.check(self.tenant, self.held.identity if self.held else None)
        except ConsentMissing as error:
            if self.stage < Stage.REVOKE:
                raise
            return Sighting(present=None, evidence=f"could not be checked: {error.sentence}")

    def word(self) -> str:
        """What somebody has said since the question was asked, or empty."""
        said = self.tenant.ledger.attested.get(self.item.key)
        return said.note if said and self.held and said.at >= self.held.since else ""

    def ask(self, wanted: Wanted, evidence: str, *, new: bool) -> Step:
        """The question as it stands, or as it is put for the first time."""
        return self.item.step(Verb.ASK, evidence, after={"wanted": wanted.value}, new=new)

    def seen(self, sighting: Sighting, word: str = "") -> Step:
        """It is there."""
        why = word or sighting.evidence
        return self.item.step(Verb.ADOPT, why, identity=sighting.identity, after={"evidence": why})

    def differs(self, sighting: Sighting) -> bool:
        """Whether what is there had drifted, or is another than we knew: made anew under the name that we ask for."""
        held = self.held
        return held is not None and (bool(held.drift) or sighting.identity not in (None, held.identity))

    def drift(self) -> Step:
        """It was there and is no more."""
        why = f"was removed by someone else: {self.row.without}".removesuffix(": ")
        known = self.held is not None and self.held.drift == MISSING
        return self.item.step(Verb.DRIFT, why, after=MISSING, new=not known)


async def questions(item: PlanItem, row: ByAdministrator, tenant: Tenant, want: Want, stage: Stage) -> list[Step]:
    """What is to be noted, asked or waited for."""
    question = Question(item=item, row=row, tenant=tenant, held=tenant.ledger.holdings.get(item.key), stage=stage)
    match want.wanted:
        case Wanted.PRESENT:
            return await _towards_there(question)
        case Wanted.ABSENT:
            return await _towards_gone(question)
        case Wanted.LEAVE:
            known = (
                question.held is not None and question.state is not HoldingState.GONE and question.state not in NOT_OURS
            )
            if not known or stage < row.created_in:
                return []
            return [item.step(Verb.WAIT, "is kept for a while after the objects that depend on it", until=want.until)]


async def _towards_there(question: Question) -> list[Step]:
    row, state = question.row, question.state
    if row.implied:
        # Every other call depends on it, so that it works is all there is to see.
        there = state is HoldingState.OURS
        return [] if there else [question.seen(Sighting(present=True, evidence="came with the consent"))]
    if state is HoldingState.GONE and question.stage > Stage.RUN:
        return []
    sighting = await question.look()
    if state is HoldingState.OURS and sighting.present is False:
        if question.stage > Stage.RUN:
            return [question.item.step(Verb.FORGET, sighting.evidence)]
        return [question.drift()]
    if sighting.present and (state is not HoldingState.OURS or question.differs(sighting)):
        return [question.seen(sighting)]
    if state is HoldingState.OURS:
        return []
    if state is HoldingState.ASKED and sighting.present is None and (word := question.word()):
        return [question.seen(sighting, word)]
    return [question.ask(Wanted.PRESENT, sighting.evidence, new=state is not HoldingState.ASKED)]


async def _towards_gone(question: Question) -> list[Step]:
    row, state, item = question.row, question.state, question.item
    unknown = row.only_if_found or (row.implied and question.held is None)
    if state in NOT_OURS or (state is HoldingState.GONE and not unknown):
        return []
    if row.still_used and (why := row.still_used(question.tenant)):
        return [item.step(Verb.LEAVE, why)]
    if row.held_up and (why := row.held_up(question.tenant)):
        return [item.step(Verb.WAIT, why)]
    sighting = await question.look()
    if row.only_if_found and state is HoldingState.GONE and not sighting.present:
        return []
    if sighting.present is False:
        return _unseen(question, sighting)
    if state is not HoldingState.LEAVING:
        return [question.ask(Wanted.ABSENT, sighting.evidence, new=True)]
    if sighting.present is None and (word := question.word()):
        return [item.step(Verb.FORGET, word, after={"evidence": word, "machine": sighting.evidence})]
    return [question.ask(Wanted.ABSENT, sighting.evidence, new=False)]


def _unseen(question: Question, sighting: Sighting) -> list[Step]:
    row, item, held = question.row, question.item, question.held
    if held is None:
        return []
    evidence = {"evidence": sighting.evidence}
    if not row.confirmed_after:
        return [item.step(Verb.FORGET, sighting.evidence, after=evidence)]
    if held.state is not HoldingState.MISSED:
        return [item.step(Verb.MISS, sighting.evidence, after=evidence)]
    until = held.since + row.confirmed_after
    if question.tenant.now < until:
        return [item.step(Verb.WAIT, "was not found; a second check confirms this", until=until)]
    return [item.step(Verb.FORGET, f"{sighting.evidence}, twice", after=evidence)]


async def asked_at(database: Database, connection: Connection) -> datetime | None:
    """When the administrator was first asked to remove something, since the connection last changed direction."""
    table = db.ledger.c
    mine = (table.connection == connection.id, table.generation == connection.generation, table.act == str(Act.ASK))
    async with database.read() as read:
        rows = (await read.execute(sa.select(table.at, table.after).where(*mine).order_by(table.number))).all()
    return next((row.at for row in rows if (row.after or {}).get("wanted") == Wanted.ABSENT.value), None)


def seen_last(key: str, rows: Sequence[Row], tenant: Tenant, error: Exception) -> bool:
    """Whether what is gone cannot be looked at because our way to it went after it: what was seen before that holds."""

    def gone(one: str) -> bool:
        held = tenant.ledger.holdings.get(one)
        return held is not None and held.state is HoldingState.GONE

    ended = any(isinstance(row, ByAdministrator) and row.lets_us_see and gone(row.key) for row in rows)
    return ended and gone(key) and isinstance(error, TurnedAway)
