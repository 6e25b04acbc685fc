"""Links and sealed values: a link serves once, a ticket is spent once, and no two sealed values are alike."""

from datetime import timedelta

import pytest

from shared.deployment.links import Links
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.sealing import NONCE, Seal
from shared.foundation.errors import Refused
from shared.storage.database import Database
from tests.harness.master_keys import local_key
from tests.harness.scripted_host import StillClock

MAX_AGE = timedelta(minutes=30)


@pytest.fixture
def links(database: Database, still: StillClock) -> Links:
    return Links(Seal(LocalKeys([local_key()]), database, still), database, still)


async def test_a_link_that_was_used_is_followed_no_more(links: Links) -> None:
    token = await links.create("invitation", "one", MAX_AGE)
    assert await links.follow("invitation", token) == await links.follow("invitation", token) == "one"
    assert await links.use("invitation", token) == "one"
    with pytest.raises(Refused, match="link_not_valid") as refused:
        await links.follow("invitation", token)
    assert refused.value.status == 410


async def test_a_link_is_followed_until_its_last_moment(links: Links, still: StillClock) -> None:
    token = await links.create("invitation", "one", MAX_AGE)
    still.time += MAX_AGE - timedelta(seconds=1)
    assert await links.follow("invitation", token) == "one"
    still.time += timedelta(seconds=1)
    with pytest.raises(Refused, match="link_not_valid"):
        await links.follow("invitation", token)


async def test_a_ticket_is_spent_once_and_in_time(links: Links, still: StillClock) -> None:
    ticket, late = await links.ticket("state", MAX_AGE, "contoso"), await links.ticket("state", MAX_AGE)
    with pytest.raises(Refused, match="link_not_valid"):
        await links.spend("session", ticket)
    assert await links.spend("state", ticket) == "contoso"
    with pytest.raises(Refused, match="link_not_valid"):
        await links.spend("state", ticket)
    still.time += MAX_AGE
    with pytest.raises(Refused, match="link_not_valid"):
        await links.spend("state", late)


async def test_the_newest_link_is_had_again_until_it_was_used_or_is_over(links: Links, still: StillClock) -> None:
    week = timedelta(days=7)
    assert await links.newest("invitation", "one") is None
    first = await links.create("invitation", "one", week)
    assert await links.newest("invitation", "one") == first
    assert await links.newest("invitation", "other") is None
    assert await links.newest("session", "one") is None
    still.time += timedelta(seconds=1)
    second = await links.create("invitation", "one", week)
    assert await links.newest("invitation", "one") == second != first
    await links.use("invitation", second)
    assert await links.newest("invitation", "one") == first
    still.time += week
    assert await links.newest("invitation", "one") is None


async def test_the_same_text_is_never_sealed_alike(database: Database, still: StillClock) -> None:
    box = await Seal(LocalKeys([local_key()]), database, still).new_box("one")
    sealed = [box.seal("secret", about="headers") for _ in range(50)]
    assert len({one[:NONCE] for one in sealed}) == len({one[NONCE:] for one in sealed}) == 50
    assert {box.unseal(one, about="headers") for one in sealed} == {"secret"}
