"""What the administrator was shown before consenting is held against the ledger when the connection ends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.engine import certificate, chain
from shared.engine.chain import Act
from shared.engine.ledger import HoldingState, holdings_of
from shared.engine.ledger_summary import Summary
from shared.engine.promise import compared
from tests.harness import workspace as google
from tests.harness.world import World


async def ended(world: World) -> Any:
    """A Microsoft 365 connection that has come to its end; returns its holdings and its ledger."""
    connection = await world.leave(await world.connect())
    holdings = await holdings_of(world.app.database, connection.id)
    history = [one async for one in chain.entries(world.app.database, connection.id)]
    signed = await certificate.latest(world.app.database, connection)
    assert signed is not None
    return holdings, history, signed


async def test_a_promise_is_kept_and_the_certificate_says_so(world: World) -> None:
    _, history, signed = await ended(world)
    given = next(one for one in history if one.note == "consent given")
    assert signed["promise"] == {"given_at": given.at.isoformat(), "kept": True, "differences": []}


async def test_what_was_not_as_promised_is_listed(world: World) -> None:
    holdings, history, _ = await ended(world)
    given = next(one for one in history if one.note == "consent given")
    made = next(one for one in history if one.act is Act.CREATE and one.state == "done" and one.key == "rule-junk")
    went = next(one for one in history if one.act is Act.REMOVE and one.state == "done" and one.key == "rule-junk")

    def told(changed: Any, held: Any = holdings) -> list[tuple[str, str]]:
        summary = Summary()
        for one in history:
            summary.add(changed.get(one.number, one))
        found = compared(held, summary)
        assert found is not None
        assert found["kept"] is not bool(found["differences"])
        return [(one["key"], one["why"]) for one in found["differences"]]

    assert told({made.number: replace(made, key="extra-rule")}) == [("extra-rule", "was made, and was not on the page")]
    early = went.at - timedelta(days=1)
    assert [key for key, _ in told({went.number: replace(went, at=early)})] == ["rule-junk"]
    assert given.after is not None
    lines = {key: line for key, line in given.after["promised"].items() if key != "rule-junk"}
    assert told({given.number: replace(given, after={"promised": lines})}) == [
        ("rule-junk", "was made, and was not on the page")
    ]
    there = {**holdings, "rule-junk": replace(holdings["rule-junk"], state=HoldingState.OURS)}
    assert told({}, there) == [("rule-junk", "was to be removed, and is not known to be gone")]


async def test_on_google_workspace_it_is_kept_too(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    ended = await google.leave(world, connection)
    signed = await certificate.latest(world.app.database, ended)
    assert signed is not None
    assert signed["promise"] is not None
    assert signed["promise"]["differences"] == []
