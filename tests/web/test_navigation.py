"""The console's pages beside its connections: activity, settings, health, documentation."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from shared.web.actors import Actor, Role
from shared.web.pages import NAVIGATION
from shared.web.pages.deployment import listed
from tests.harness.pages import OLGA, VICTOR, asked, see
from tests.harness.settings import settings_from
from tests.harness.world import FABRIKAM, World

NINA = Actor(name="nina@northwind.example", role=Role.VIEWER, customer="northwind")


async def test_every_page_leads_to_every_other(world: World) -> None:
    await world.create()
    for path, title, _, fleet in NAVIGATION:
        page = await see(world, path, VICTOR, accept_encoding="gzip")
        assert [one["href"] for one in page.all("a", **{"aria-current": "page"})] == [path]
        assert {one["href"] for one in page.all("a") if "data-key" in one} == {one[0] for one in NAVIGATION}
        assert title in page.text
        theirs = await asked(world, "GET", path, NINA)
        assert theirs.status == (403 if fleet else 200), path
    links = (await see(world, "/", NINA)).all("a")
    assert not [one for one in links if one["href"] == "/settings"]


async def test_activity_is_every_ledger_narrowed_and_read_page_by_page(world: World) -> None:
    mine = await world.create(customer="northwind")
    other = await world.create(FABRIKAM, customer="fabrikam")
    for _ in range(60):
        world.clock.move(timedelta(seconds=1))
        answered = await asked(world, "POST", f"/connections/{other.id}/renew-invitation", OLGA, b"")
        assert answered.status == 303
    first = await see(world, "/activity", VICTOR, accept_encoding="gzip")
    (following,) = [one["href"] for one in first.all("a", rel="next")]
    second = await see(world, following, VICTOR, accept_encoding="gzip")
    assert not second.all("a", rel="next")
    rows = [page.body.count('<td class="when">') for page in (first, second)]
    assert rows[0] == 50
    assert rows[1] >= 12
    assert f"/connections/{mine.id}/ledger" in second.body
    assert f"/connections/{mine.id}/ledger" not in first.body
    theirs = await see(world, "/activity", NINA)
    assert f"/connections/{mine.id}/ledger" in theirs.body
    assert other.id not in theirs.body
    assert "No entry matches" in (await see(world, "/activity?q=fabrikam", NINA)).text
    by_her = await see(world, "/activity?actor=OLGA&q=fabrikam&act=order&since=&until=", VICTOR)
    assert "olga@msp.example" in by_her.text
    today = world.app.clock.now().date()
    assert "No entry matches" in (await see(world, f"/activity?since={today + timedelta(days=1)}")).text
    assert "No entry matches" in (await see(world, f"/activity?until={today - timedelta(days=1)}")).text
    for bad in ("act=nothing", "since=yesterday", "cursor=x", "cursor=WyJhIiwiYiIsMV0", "nothing=1"):
        assert (await asked(world, "GET", f"/activity?{bad}", OLGA)).status == 400, bad
    assert (await asked(world, "GET", "/activity?until=9999-12-31", OLGA)).status == 200


def _secrets(model: BaseModel) -> list[str]:
    values: list[Any] = [getattr(model, name) for name in type(model).model_fields]
    inner = [secret for value in values if isinstance(value, BaseModel) for secret in _secrets(value)]
    return inner + [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


async def test_settings_are_shown_and_secrets_are_not(world: World) -> None:
    page = await see(world, "/settings", VICTOR, accept_encoding="gzip")
    secrets = _secrets(world.app.settings)
    assert secrets
    assert not [secret for secret in secrets if secret in page.body]
    assert "FOOTPRINT_MASTER_KEY__VALUE" in page.text
    assert "set, not shown" in page.text
    assert "FOOTPRINT_SMTP__HOST" in page.text
    assert world.app.settings.public_url in page.text
    assert page.posts() == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://app:hunter2@db.example/f?password=hunter3", "postgresql+psycopg, db.example, f"),
        ("sqlite+aiosqlite:///./footprint.db", "sqlite+aiosqlite, this machine, ./footprint.db"),
    ],
)
def test_an_address_is_shown_without_who_signs_in_there(url: str, shown: str) -> None:
    settings = settings_from(
        {},
        database_url=url,
        master_key={"value": "hunter1"},
        telemetry={"otlp_url": "https://me:hunter4@collector.example"},
    )
    told = {one["name"]: one["value"] for one in listed("FOOTPRINT_", settings)}
    assert told["FOOTPRINT_DATABASE_URL"] == shown
    assert told["FOOTPRINT_TELEMETRY__OTLP_URL"] == "https://…@collector.example"
    assert "hunter" not in str(told)


async def test_health_says_what_monitoring_reads(world: World) -> None:
    assert "every check passed" in (await see(world, "/health")).text
    await world.create()
    world.clock.move(timedelta(days=3))
    page = await see(world, "/health")
    assert "Not ready" in page.text
    assert "Timers that have not come to their end for too long" in page.text


async def test_documentation_finds_a_code(world: World) -> None:
    page = await see(world, "/documentation?q=no+such+connection")
    found = [one["href"] for one in page.all("a") if one["href"].startswith("/runbook/")]
    assert "/runbook/no_such_connection" in found
    assert len(found) < 5
    assert "No code matches" in (await see(world, "/documentation?q=zzz")).text
