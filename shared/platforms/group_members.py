"""The members of our own group in a tenant, told apart one by one: what follows the policies, and what others did.

A leaver drops out of every group by the platform's own doing. Only who was taken out though still wanted, or put in
though not wanted, was changed by others. `members` are those who are in by our doing, with whom others took out.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from shared.connections import clocks, record
from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.engine import chain
from shared.engine.ledger import Holding, HoldingState
from shared.engine.rows import Present, Settings
from shared.foundation.errors import Permanent, Temporary
from shared.foundation.schedule import HOUR
from shared.protection import directory, placed, set_aside
from shared.protection.targets import Targets

FOLLOWS_POLICIES = frozenset({"members"})
# So many who were taken out are looked for in the directory before others are said to have done it.
MAX_LOOKED_UP = 20
UNCLEAR = "membership_unclear"
# So few may leave at once without anybody being asked.
MAX_UNASKED_REMOVALS = 2


def desired(wanted: Sequence[str]) -> Settings:
    """Everybody who is wanted, and nothing done by others."""
    return {"members": list(wanted), "taken_out": [], "put_in": []}


async def compared(
    context: Context,
    connection: Connection,
    targets: Targets,
    held: Holding | None,
    inside: Collection[str],
    wanted: Collection[str],
    exists: Callable[[str], Awaitable[bool]],
) -> Settings:
    """What a complete listing of a group shows. What we note of whom we put in follows what is seen."""
    if held is None or held.state not in (HoldingState.OURS, HoldingState.REMOVING):
        return {"members": sorted(inside), "taken_out": [], "put_in": []}
    before = await targets.placed(held.key)
    out = before & set(wanted) - set(inside)
    left = {user for user in out if not await exists(user)} if len(out) <= MAX_LOOKED_UP else set()
    new, gone = set(wanted) & set(inside) - before, before - set(inside) - set(wanted) | left
    if new or (gone and inside):
        await placed.note(context.database, connection.id, held.key, put=new, gone=gone)
    if set(inside) == set(wanted):
        await clocks.ended(context.database, connection, f"{UNCLEAR} {held.key}")
    theirs = set(inside) - before - new
    return {
        "members": sorted((set(inside) - theirs) | (out - left)),
        "taken_out": sorted(out - left),
        "put_in": sorted(theirs),
    }


def difference(present: Present, changes: Settings) -> tuple[set[str], set[str]]:
    """(whom to put in, whom to take out), so that what others did stays unless `changes` has it put right."""
    now = {name: set(present.settings[name]) for name in ("members", "taken_out", "put_in")}
    then = now | {name: set(value) for name, value in changes.items()}
    inside = (now["members"] - now["taken_out"]) | now["put_in"]
    target = (then["members"] - then["taken_out"]) | then["put_in"]
    return target - inside, inside - target


async def refuse_many(
    context: Context, connection: Connection, title: str, present: Present, leaving: Collection[str]
) -> None:
    """Raises Permanent "would_remove_many" if many would be taken out and no person has asked for that.

    Who changes a policy asks for it, until the directory is read anew; so does who accepts a loss.
    """
    inside = len(present.settings["members"]) - len(present.settings["taken_out"])
    ours = set(leaving) - set(present.settings["put_in"])
    if connection.accepts_loss or len(ours) <= max(MAX_UNASKED_REMOVALS, context.settings.implausible_loss * inside):
        return
    now = await record.find(context.database, connection.id)
    asked = await chain.last_order(context.database, connection.id, "policy ")
    if now is not None and asked is not None and (now.synced_at is None or asked > now.synced_at):
        return
    raise Permanent(
        "would_remove_many",
        f"The directory has changed so that the policies mean {len(ours)} of the {inside} members of {title} no more. "
        "They stay protected. If that is true, sync again and accept the loss; if not, find what the directory lost.",
    )


async def leave_out(context: Context, connection: Connection, refused: Mapping[str, str]) -> None:
    """Protect everybody else meanwhile: users, each with why, whom the platform does not take as members now.

    They are named, and tried again after growing pauses.
    """
    names = await directory.addresses(context.database, connection.id, sorted(refused))
    for user, why in refused.items():
        await directory.skip(context.database, connection.id, user, why[: set_aside.MAX_REASON_CHARS])
        name, now = names.get(user, user), context.clock.now()
        await set_aside.note(context.database, connection.id, "member", user, name, why, now)


async def bear_unclear(
    context: Context, connection: Connection, key: str, title: str, unclear: Mapping[str, str]
) -> None:
    """Raises Temporary for users of whom the platform did not say whether they are members now, each with its words.

    Once nothing clear has been said for an hour of the members that the row `key` keeps, they are left out.
    """
    cause = f"{UNCLEAR} {key}"
    if not unclear:
        await clocks.ended(context.database, connection, cause)
    elif (now := context.clock.now()) > await clocks.since(context.database, connection.id, cause, now) + HOUR:
        await leave_out(context, connection, unclear)
    else:
        names = await directory.addresses(context.database, connection.id, sorted(unclear))
        some = ", ".join(sorted(names.get(user, user) for user in unclear)[:MAX_UNASKED_REMOVALS])
        more = f" and {len(unclear) - MAX_UNASKED_REMOVALS} more" if len(unclear) > MAX_UNASKED_REMOVALS else ""
        raise Temporary(
            UNCLEAR,
            f"Whether {some}{more} could be put into or taken out of {title} is not known. Everybody else is done; "
            f"they are tried again. {next(iter(unclear.values()))}",
        )
