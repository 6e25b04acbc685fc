"""Ledger, reports and the invitation's page: read page by page, with names for files, and never a dead end."""

import re
from datetime import timedelta

from shared.connections.stages import Stage
from shared.protection import quarantine
from shared.protection.decisions import Decision
from tests.flows.reports.steps import monday, report
from tests.harness.client import ask
from tests.harness.pages import VICTOR, invited, pressed, see
from tests.harness.world import World


async def test_a_long_ledger_has_numbered_pages_that_stay(world: World) -> None:
    connection = await world.create()
    base = f"/connections/{connection.id}"
    for _ in range(60):
        world.clock.move(timedelta(seconds=1))
        await pressed(world, f"{base}/renew-invitation")
    page = await see(world, f"{base}/ledger")
    many = int(re.findall(r"of (\d+) entries", page.text)[0])
    assert f"{many - 24}\u2013{many} of {many} entries" in page.text
    (following,) = [one["href"] for one in page.all("a", rel="next")]
    second = await see(world, following)
    assert f"{many - 49}\u2013{many - 25} of {many} entries" in second.text
    await pressed(world, f"{base}/renew-invitation")
    again = await see(world, following)
    assert f"{many - 49}\u2013{many - 25} of" in again.text
    assert page.all("a", href=f"/activity?q={connection.id}")
    file = await ask(world, "GET", f"/api{base}/ledger?format=csv", token=world.sims.operator_token())
    assert file.headers["Content-Disposition"] == 'attachment; filename="contoso-ledger.csv"'


async def test_a_report_is_shown_with_its_charts(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    (made,) = await report(world, connection)
    base = f"/connections/{connection.id}/reports"
    listed = await see(world, base, VICTOR)
    assert listed.all("a", href=f"{base}?report={made.name}")
    page = await see(world, f"{base}?report={made.name}", VICTOR)
    assert page.all("a", href=f"/api{base}/{made.name}/csv")
    assert "Directory: added and removed" in page.text or "Nothing was counted" in page.text
    await see(world, f"{base}?report=none", status=404)


async def test_the_invitation_says_who_asks_who_may_consent_and_what_is_missing(
    world: World,
) -> None:
    provider = {"name": "Northwind Services", "contact": "help@northwind.example"}
    told = await world.again(provider=provider)
    new = await world.create()
    page = await invited(told, new)
    assert "Northwind Services asks to protect the mail of" in page.text
    assert "help@northwind.example" in page.text
    assert "A Global Administrator or a Privileged Role Administrator" in page.text
    assert f"calls the application “{new.brand.application}”" in page.text
    values = {code["id"] for code in page.all("code") if "id" in code}
    assert {"more-1", "more-2", "more-3"} <= values
    await world.consent(new)
    await world.work()
    waiting = await world.connection(new.id)
    assert waiting.stage is Stage.GRANT
    after = await invited(told, waiting)
    assert "Step 2 of 2" in after.text
    assert world.app.settings.microsoft.client_id in after.text
    assert after.posts() == ["/connect", "/connect"]
    assert after.all("details", id="proposal")
    assert not after.all("nav", **{"class": "card toc"})


async def test_a_thousand_messages_in_quarantine_have_numbered_pages(world: World) -> None:
    connection = await world.create()
    box, now, base = await world.app.seal.box(connection.id), world.app.clock.now(), f"/connections/{connection.id}"
    async with world.app.database.write() as write:
        for number in range(1000):
            decided = Decision(user="u", message=f"{number}", policy="prizes", actions=("quarantine",))
            about = {"address": "ana@contoso.com", "subject": f"Prize {number}", "labels": (), "now": now}
            sender = "a@odd.example" if number % 10 == 0 else "b@other.example"
            await quarantine.add(write, box, connection.id, decided, sender=sender, **about)
    page = await see(world, f"{base}/quarantine")
    assert "1\u201350 of 1,000 messages" in page.text
    assert ("Prize 999" in page.text, "Prize 949" in page.text) == (True, False)
    last = await see(world, f"{base}/quarantine?page=20")
    assert ("951\u20131000 of" in last.text, "Prize 0" in last.text) == (True, True)
    assert not last.all("a", rel="next")
    found = await see(world, f"{base}/quarantine?sender=ODD&page=2")
    assert ("51\u2013100 of 100 messages" in found.text, "Prize 490" in found.text) == (True, True)
    assert found.all("a", href=f"{base}/quarantine?sender=ODD&page=1")
