"""Which reports a connection has, and each kept one in its forms, over HTTP."""

import json
from typing import Any

import pytest

from shared.flows.reports.store import Subscription
from tests.flows.reports.steps import ANNA, BERT, ask, monday, report
from tests.harness.world import World


async def test_settings_are_changed_by_who_has_seen_them(world: World) -> None:
    world = await world.again(smtp={"host": "127.0.0.1", "sender": "reports@example.com"})
    connection = await world.connect()
    path = f"/api/connections/{connection.id}/reports/settings"
    first = await ask(world, "GET", path)
    assert json.loads(first.body) == {"kinds": ["weekly"], "recipients": []}
    wanted = {"kinds": ["daily", "monthly"], "recipients": [ANNA, "ANNA@contoso.com", BERT]}
    assert (await ask(world, "PUT", path, wanted)).status == 428
    put = await ask(world, "PUT", path, wanted, **{"if-match": first.headers["ETag"]})
    assert json.loads(put.body) == {"kinds": ["daily", "monthly"], "recipients": ["ANNA@contoso.com", BERT]}
    assert put.headers["ETag"] == (await ask(world, "GET", path)).headers["ETag"]
    assert (await ask(world, "PUT", path, wanted, **{"if-match": first.headers["ETag"]})).status == 412


@pytest.mark.parametrize(
    "wanted",
    [
        {"kinds": ["hourly"]},
        {"kinds": ["daily"] * 4},
        {"recipients": [f"a{number}@contoso.com" for number in range(21)]},
        *(
            {"recipients": [address]}
            for address in (
                "anna",
                "anna@contoso",
                "a b@contoso.com",
                "anna@contoso.com\r\nBcc: all@contoso.com",
                "ä@contoso.com",
                "anna@contoso.com\n",
                "<anna@contoso.com>",
                "a@b@contoso.com",
                f"{'a' * 250}@contoso.com",
            )
        ),
        {"language": "de"},
    ],
)
async def test_bad_settings_are_refused_by_name(world: World, wanted: dict[str, Any]) -> None:
    connection = await world.create()
    path = f"/api/connections/{connection.id}/reports/settings"
    refused = await ask(world, "PUT", path, wanted, **{"if-match": "*"})
    assert refused.status == 400
    assert json.loads(refused.body)["detail"].startswith(next(iter(wanted)))
    assert json.loads((await ask(world, "GET", path)).body) == Subscription().model_dump(mode="json")


async def test_nobody_is_promised_mail_without_a_mail_server(world: World) -> None:
    connection = await world.connect()
    path = f"/api/connections/{connection.id}/reports/settings"
    refused = await ask(world, "PUT", path, {"recipients": [ANNA]}, **{"if-match": "*"})
    assert (refused.status, json.loads(refused.body)["code"]) == (409, "no_mail_server")
    assert (await ask(world, "PUT", path, {"kinds": []}, **{"if-match": "*"})).status == 200
    await world.revoke(connection)
    assert (await ask(world, "PUT", path, {"kinds": []}, **{"if-match": "*"})).status == 409


async def test_a_kept_report_can_be_fetched_in_each_form(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    (made,) = await report(world, connection)
    path = f"/api/connections/{connection.id}/reports"
    (listed,) = json.loads((await ask(world, "GET", path)).body)["reports"]
    assert listed["name"] == made.name
    assert "content" not in listed
    whole = json.loads((await ask(world, "GET", f"{path}/{made.name}")).body)
    assert whole["content"]["connection"] == {"name": "Contoso", "platform": "Microsoft 365", "site": "eu"}
    html, rows = (
        await ask(world, "GET", f"{path}/{made.name}/html"),
        await ask(world, "GET", f"{path}/{made.name}/csv"),
    )
    for file, kind in ((html, "html"), (rows, "csv")):
        assert file.headers["Content-Disposition"] == f'attachment; filename="contoso-{made.name}.{kind}"'
        assert "sandbox" in file.headers["Content-Security-Policy"]
        assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert b"<script" not in html.body
    assert b"http" not in html.body.replace(b"http-equiv", b"")
    assert rows.body.startswith(b"section,what,when,number")
    assert (await ask(world, "GET", f"{path}/weekly-1999-W01")).status == 404
