"""Halting connections and lifting a halt: what the kill switch does beside keeping everybody from the platforms."""

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass

from shared.connections import grants, halts, record, tokens
from shared.connections.grants import Grant
from shared.connections.halts import Halt
from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.engine import chain
from shared.flows import own_house
from shared.flows.app import App
from shared.foundation.concurrency import each
from shared.foundation.errors import FootprintError, Refused
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)

JOB = "give-back"


@dataclass(kw_only=True)
class Halting:
    """What a halt did. What could not be given back is named in its connection's ledger, and no longer used by us."""

    connections: int
    left_to_workers: int = 0
    given_back: int = 0
    not_given_back: int = 0
    keys_destroyed: int = 0


async def halt(app: App, scope: str, actor: str, why: str, *, destroy: bool = False) -> Halting:
    """Stop everything that a scope is for before its next call to a platform; asking twice is harmless.

    Then the grants are revoked where a platform can do that, the tokens are deleted, and with `destroy` the data
    keys: nothing that is sealed for these connections opens any more, not even for us. A process that faces the
    internet leaves grants, and the keys of credentials, to the workers, and destroys what opens content at once.
    """
    now = app.clock.now()
    asked = Halt(scope=scope, at=now, actor=actor, why=why, destroyed=destroy)
    async with app.database.write() as write:
        # Alone and first: from here on nothing is sent.
        await halts.begin(write, asked)
    log.warning("halted", extra={"scope": scope, "actor": actor, "why": why, "destroy": destroy})
    ids = await halts.within(app.database, scope)
    told = Halting(connections=len(ids))

    # Of two connections with a grant of one account the second gives it back, so they take turns.
    turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def one(connection_id: ConnectionId) -> None:
        connection = await record.find(app.database, connection_id)
        if connection is None:
            return
        async with app.database.write() as write:
            await chain.order(write, connection, app.clock.now(), actor, f"halted: {why}")
            await tokens.forget_all(write, connection.id)
        if app.settings.functions == "public":
            await app.queue.send(Job(name=JOB, connection_id=connection.id), app.clock.now())
            told.left_to_workers += 1
            return
        for grant in await _grants(app, connection):
            async with turns[grant.account]:
                await _give_back(app, connection, grant, frozenset(ids), told)

    await each(ids, one)
    if destroy:
        told.keys_destroyed = await app.seal.destroy(ids, credentials=not told.left_to_workers)
        log.warning("data keys destroyed", extra={"scope": scope, "number": told.keys_destroyed})
    return told


async def settle(app: App, connection: Connection) -> None:
    """In a worker: give back the grants of a connection that is halted, and destroy its keys if that was asked for."""
    halt = await halts.of(app.database, connection)
    if halt is None:
        return
    halted, told = frozenset(await halts.within(app.database, halt.scope)), Halting(connections=1)
    for grant in await _grants(app, connection):
        await _give_back(app, connection, grant, halted, told)
    if halt.destroyed:
        await app.seal.destroy([connection.id])


async def unsettled(app: App) -> list[ConnectionId]:
    """The connections that are halted and of which there is still a grant."""
    found = set[ConnectionId]()
    for halt in await halts.standing(app.database):
        found |= await grants.kept_of(app.database, await halts.within(app.database, halt.scope))
    return sorted(found)


async def _grants(app: App, connection: Connection) -> list[Grant]:
    try:
        return await grants.listed(app.database, app.seal, connection.id)
    except FootprintError as error:  # its key is gone: there is nothing that anybody could give back
        log.warning("grants cannot be opened", extra={"connection": connection.id, "reason": error.code})
        return []


async def _give_back(app: App, connection: Connection, grant: Grant, halted: frozenset[str], told: Halting) -> None:
    holders = set(await grants.holders(app.database, connection.platform, grant.account))
    if holders - halted:
        return  # another connection, which goes on, lives by it
    if holders == {connection.id}:
        try:
            await own_house.give_back(app, connection, grant)
            told.given_back += 1
        except FootprintError:  # the ledger has the sentence
            told.not_given_back += 1
    await grants.forget(app.database, connection.id, grant.account)


async def lift(app: App, scope: str, actor: str) -> None:
    """End a halt. Raises Refused 404 if none stands. The sweep takes its connections up again within minutes."""
    now = app.clock.now()
    async with app.database.write() as write:
        if not await halts.lift(write, scope, now):
            raise Refused(404, "no_such_halt", "No halt of this scope stands.")
    log.warning("halt lifted", extra={"scope": scope, "actor": actor})
    for connection_id in await halts.within(app.database, scope):
        connection = await record.find(app.database, connection_id)
        if connection is None:
            continue
        async with app.database.write() as write:
            await chain.order(write, connection, now, actor, "halt lifted")
        if scope == f"connection:{connection_id}":
            await app.queue.send(Job(name="advance", connection_id=connection_id), now)
