"""Witnesses in the console: named, told at the field what is wrong, and removed."""

from shared.web.actors import Actor, Role
from shared.web.api.witnesses import KEY
from tests.harness.pages import OLGA, VICTOR, asked, press, pressed, see
from tests.harness.world import World

NINA = Actor(name="nina@northwind.example", role=Role.OPERATOR, customer="northwind")
NEW = {"url": "https://witness.example.com/w1", "key": KEY, "customer": "contoso"}


async def test_a_witness_is_added_shown_and_removed(world: World) -> None:
    assert "/witnesses" in [one["href"] for one in (await see(world, "/health")).all("a")]
    assert "No witness cosigns" in (await see(world, "/witnesses")).text
    assert await pressed(world, "/witnesses", OLGA, **NEW) == "/witnesses"
    page = await see(world, "/witnesses")
    assert "https://witness.example.com/w1" in page.text
    assert "Not asked yet" in page.text
    (remove,) = [path for path in page.posts() if path.endswith("/remove")]
    assert (await see(world, "/witnesses", VICTOR)).posts() == []
    assert "witness.example.com" not in (await see(world, "/witnesses", NINA)).text
    assert (await press(world, remove, NINA)).status == 404
    assert await pressed(world, remove, OLGA) == "/witnesses"
    assert "No witness cosigns" in (await see(world, "/witnesses")).text


async def test_what_is_wrong_with_a_witness_is_told_at_its_field(world: World) -> None:
    for field, value in (
        ("url", "https://witness.example.com/?a=1"),
        ("url", "ftp://witness.example.com/"),
        ("url", ""),
        ("key", "no key"),
        ("key", ""),
    ):
        answer = await press(world, "/witnesses", OLGA, **NEW | {field: value})
        assert answer.status == 400, (field, value)
        assert f'id="{field}"' in answer.body.decode()
        assert answer.body.decode().count("aria-invalid") == 1, (field, value)
    assert (await press(world, "/witnesses", NINA, **NEW)).status == 403
    assert (await asked(world, "GET", "/witnesses", None)).status == 401
