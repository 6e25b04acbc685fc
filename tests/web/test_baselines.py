"""What our objects do to security baselines is told before the consent, with an entry that excepts them."""

import json

import yaml

from shared.foundation.brand import PUBLISHED
from shared.platforms.microsoft365 import baselines, catalogue
from tests.harness.client import ask
from tests.harness.invited import COOKIE
from tests.harness.world import World


def test_each_entry_is_one_that_the_checking_tool_reads() -> None:
    rules = [rule for row in catalogue.rows(PUBLISHED, None) for rule in row.baselines]
    assert {rule.id for rule in rules if rule.met is False} == {"MS.EXO.12.1v1", "2.1.12"}
    for rule in rules:
        if rule.exclusion:
            entry = yaml.safe_load(rule.exclusion)["OmitPolicy"][rule.id]
            assert baselines.SCANNED in entry["Rationale"]
    assert any(rule.exclusion for rule in rules)


async def test_what_is_not_met_is_shown_before_the_consent_and_in_the_api(world: World) -> None:
    body = {"platform": "microsoft365", "site": "eu", "name": "Contoso", "tenant": "contoso.com"}
    answer = await ask(world, "POST", "/api/connections", token=world.sims.operator_token(customer="*"), body=body)
    assert answer.status == 201, answer.body
    made = json.loads(answer.body)
    told = {one["key"]: one["baselines"] for one in made["changes"]}
    assert [rule["id"] for rule in told["ip-allow"]] == ["MS.EXO.12.1v1", "2.1.12", "MS.EXO.12.2v1"]
    assert told["tokens"] == []
    browser = await world.opens(await world.connection(made["id"]))
    page = (await ask(world, "GET", "/connect", cookie=f"{COOKIE}={browser}")).body.decode()
    assert "MS.EXO.12.1v1" in page
    assert "MS.EXO.14.4v1" not in page
