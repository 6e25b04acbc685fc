"""Policies in the console: in a sentence, put in order by buttons, and naming people by a search."""

import pytest

from shared.engine import chain
from shared.protection import directory_search, policies
from shared.protection.policies import EVERYONE, Policy
from shared.web.pages.policy_words import sentence
from tests.harness import workspace as google
from tests.harness.pages import OLGA, VICTOR, Page, press, pressed, see
from tests.harness.world import World

NAMES = {"g1": "Finance", "u1": "Ada Example", "u2": "Ben Example"}
SENTENCES = [
    (
        {
            "groups": ["g1"],
            "direction": "incoming",
            "conditions": {"impersonation": True},
            "actions": ["quarantine"],
        },
        "Mail from outside to Finance that looks like an internal person: quarantine",
    ),
    ({"everyone": True}, "Mail to and from everyone is protected"),
    ({}, "Mail to and from nobody is protected"),
    (
        {
            "users": ["u1", "u2", "u3", "u4"],
            "domains": ["a.example"],
            "except_groups": ["g1"],
            "direction": "outgoing",
            "enabled": False,
            "report_only": True,
            "conditions": {"match": "all", "subjects": ["won"], "senders": ["x.example", "y.example"]},
            "actions": ["label", "trash"],
        },
        "Mail from a.example, Ada Example, Ben Example and 2 more except Finance to outside that comes from one of 2 "
        "senders and has “won” in the subject: label and move to the trash, report only (switched off)",
    ),
    (
        {"everyone": True, "conditions": {"authentication": ["dkim-fail"], "attachments": ["macro", "html"]}},
        "Mail to and from everyone that has an attachment that is macro or html or fails DKIM: no action",
    ),
]


@pytest.mark.parametrize(("content", "said"), SENTENCES)
def test_a_policy_is_said_in_one_sentence(content: dict[str, object], said: str) -> None:
    assert sentence(Policy.model_validate({"name": "x", **content}), NAMES) == said


async def test_policies_are_put_in_order_by_buttons(world: World) -> None:
    connection = await google.create(world)
    base = f"/connections/{connection.id}"
    async with world.app.database.write() as write:
        for name in ("a", "b", "c"):
            await policies.put(write, connection.id, EVERYONE.model_copy(update={"name": name}))
    page = await see(world, f"{base}/policies")
    tag = page.all("input", name="etag")[0]["value"]
    assert "Mail to and from everyone is protected" in page.text
    moved = await pressed(world, f"{base}/move-policy", name="c", to="up", etag=tag)
    assert moved == f"{base}/policies?saved=1"
    names = [one.name for one in await policies.listed(world.app.database, connection.id)]
    assert [name for name in names if name in "abc"] == ["a", "c", "b"]
    late = await press(world, f"{base}/move-policy", name="a", to="down", etag=tag)
    assert late.status == 412
    tag = (await see(world, f"{base}/policies")).all("input", name="etag")[0]["value"]
    assert (await press(world, f"{base}/move-policy", name="none", to="down", etag=tag)).status == 404
    assert (await press(world, f"{base}/move-policy", VICTOR, name="a", to="down", etag=tag)).status == 403
    assert await pressed(world, f"{base}/move-policy", name="a", to="down", etag=tag)
    names = [one.name for one in await policies.listed(world.app.database, connection.id)]
    assert [name for name in names if name in "abc"] == ["c", "a", "b"]
    entries = await chain.page(world.app.database, connection.id, after=0, most=1, newest=True)
    assert (entries[0].note, entries[0].actor) == ("policy moved", OLGA.name)


async def test_people_are_named_by_a_search_without_script(world: World) -> None:
    running = await google.connect(world, policies=[EVERYONE])
    base = f"/connections/{running.id}"
    people, _ = await directory_search.page(world.app.database, running.id, "users", "", after=None, most=50)
    someone = next(one for one in people if one["mail"] and one["name"])
    form = {"name": "picked", "order": "5", "whose": "some", "direction": "incoming", "enabled": "1"}
    found = Page(await press(world, f"{base}/put-policy", **form, whom=someone["mail"], search="whom"))
    assert await policies.find(world.app.database, running.id, "picked") is None
    offered = found.all("input", name="users", value=someone["id"])
    assert len(offered) == 1
    assert "checked" not in offered[0]
    assert found.all("input", name="name")[0]["value"] == "picked"
    again = Page(
        await press(world, f"{base}/put-policy", **form, users=someone["id"], except_whom="nobody at all", search="x")
    )
    assert "checked" in again.all("input", name="users", value=someone["id"])[0]
    assert "No group or person in the directory matches" in again.text
    assert await pressed(world, f"{base}/put-policy", **form, users=someone["id"], whom="left")
    kept = await policies.find(world.app.database, running.id, "picked")
    assert kept is not None
    assert kept.users == [someone["id"]]
    listed = await see(world, f"{base}/policies")
    assert f"Mail from outside to {someone['name']} is protected" in listed.text
    shown = await see(world, f"{base}/policies?name=picked")
    assert someone["name"] in shown.text
    viewed = await see(world, f"{base}/policies?name=picked", VICTOR)
    assert not viewed.all("button", name="search")


async def test_a_policy_that_names_thousands_is_sent_as_it_was_shown(world: World) -> None:
    connection = await google.create(world)
    base = f"/connections/{connection.id}"
    many = Policy(name="many", users=[f"u{number}" for number in range(500)])
    async with world.app.database.write() as write:
        await policies.put(write, connection.id, many)
    page = await see(world, f"{base}/policies?name=many")
    shown = [one["value"] for one in page.all("input", name="users")]
    assert len(shown) == 50
    assert "450 more people, by id" in page.text
    tag = page.all("input", name="etag")[0]["value"]
    form = {"name": "many", "order": "100", "direction": "both", "enabled": "1", "whose": "some", "etag": tag}
    users = [*shown, "\r\n".join(many.users[50:])]
    assert await pressed(world, f"{base}/put-policy", **form, users=users)
    assert await policies.find(world.app.database, connection.id, "many") == many
