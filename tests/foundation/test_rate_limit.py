"""How much an account may ask of a process: as much as is set, evenly, each for themselves."""

from datetime import UTC, datetime, timedelta

from shared.foundation.rate_limit import MAX_TRACKED_CALLERS, Rates
from tests.harness.client import ask
from tests.harness.world import World


class At:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 26, tzinfo=UTC)

    def now(self) -> datetime:
        """The time."""
        return self.moment

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.moment += timedelta(seconds=seconds)

    async def until(self, moment: datetime) -> None:
        """Be there."""
        self.moment = max(self.moment, moment)


async def test_a_bucket_is_emptied_at_once_and_fills_evenly() -> None:
    clock = At()
    some = Rates(60, clock)
    found = [some.take("anna", 1) for _ in range(61)]
    assert [one.left for one in found if one] == [*reversed(range(60)), 0]
    assert [one.wait for one in found if one and one.wait] == [timedelta(seconds=1)]
    other = some.take("bert", 1)
    assert other is not None
    assert (other.left, other.full_in, other.wait) == (59, 1, None)
    await clock.sleep(9.5)
    look = some.take("anna", 10)
    assert look is not None
    assert (look.wait, look.left, look.full_in) == (timedelta(seconds=1), 9, 51)
    await clock.sleep(1)
    look = some.take("anna", 10)
    assert look is not None
    assert (look.wait, look.left) == (None, 0)
    await clock.sleep(-3600)
    later = some.take("anna", 1)
    assert later is not None
    assert later.wait is not None


def test_what_costs_more_than_there_is_takes_all_and_no_limit_is_none() -> None:
    look = Rates(5, At()).take("anna", 10)
    assert look is not None
    assert (look.wait, look.left) == (None, 0)
    assert Rates(0, At()).take("anna", 10) is None


def test_no_more_accounts_are_kept_than_a_process_can_hold() -> None:
    some = Rates(2, At())
    for number in range(MAX_TRACKED_CALLERS + 10):
        some.take(number, 1)
    assert len(vars(some)["_left"]) == MAX_TRACKED_CALLERS


async def test_a_caller_who_asks_too_much_is_told_when_to_ask_again(world: World) -> None:
    world = await world.again(api={"requests_a_minute": 12})
    connection, token = await world.create(), world.sims.operator_token()
    # Two looks are more than there is.
    plan = f"/api/connections/{connection.id}/plan"
    first = await ask(world, "GET", plan, token=token)
    assert first.headers["RateLimit-Policy"] == '"account";q=12;w=60'
    assert first.headers["RateLimit"].startswith('"account";r=2;t=')
    refused = await ask(world, "GET", plan, token=token)
    assert refused.status == 429
    assert 30 <= int(refused.headers["Retry-After"]) <= 40
    # What costs less is answered still, also where it is a refusal or a page; nobody else is concerned.
    assert (await ask(world, "GET", "/api/connections/x", token=token)).headers["RateLimit"].startswith('"account";r=1')
    assert "RateLimit" in (await ask(world, "GET", "/", token=token)).headers
    assert (await ask(world, "GET", "/api/connections", token=token)).status == 429
    assert (await ask(world, "GET", plan, token=world.sims.operator_token("bert"))).status == 200
    assert "RateLimit" not in (await ask(world, "GET", "/api/health")).headers
    assert "RateLimit" not in (await ask(world, "GET", plan)).headers
    world.clock.move(timedelta(minutes=1))
    assert (await ask(world, "GET", plan, token=world.sims.operator_token())).status == 200
