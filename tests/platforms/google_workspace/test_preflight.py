"""Before a grant on Google Workspace: what would harm mail is told, and a sound customer is set up without a word."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.choices import Way
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.engine.concerns import Concern
from shared.flows import findings
from shared.flows.plans import planned
from shared.platforms.google_workspace.preflight import hindrances
from tests.harness import workspace as google
from tests.harness.world import ORCHARD, World
from tests.platforms.google_workspace.mail_flow.flow import Flow, as_it_is

Edit = Callable[[Flow], object]
OPERATOR = "operator@msp.example"


def act(action: str, **more: Any) -> Edit:
    """An administrator has done something in the Admin console."""
    return lambda flow: flow.act(action, **more)


def rule(**content: Any) -> Edit:
    """There is a content compliance rule."""
    return act("add-rule", name="Theirs", content=content)


def delivery(**fields: Any) -> Edit:
    """There is one that changes how mail is delivered."""
    return rule(consequence={"primaryDelivery": fields})


def held(kind: str, **more: Any) -> Edit:
    """There is one that holds or refuses mail."""
    return rule(consequence={"ruleConsequenceType": kind}, **more)


def source(match: str, ranges: str) -> dict[str, Any]:
    """An expression about where mail comes from."""
    return {"matchExpressionType": "METADATA", "matchType": match, "matchContent": ranges}


def setting(kind: str, **value: Any) -> Edit:
    """A setting of Gmail has a value."""
    return act("set-setting", type=f"gmail.{kind}", value=value)


def exchangers(*hosts: str, domain: str = ORCHARD) -> Edit:
    """A domain's mail is taken by these."""

    def edit(flow: Flow) -> None:
        records = {domain: [[10 * place, host] for place, host in enumerate(hosts)]}
        flow.customer.behaviour = flow.customer.behaviour.changed({"mx": records})

    return edit


def both(*edits: Edit) -> Edit:
    """An administrator has done several things."""
    return lambda flow: [edit(flow) for edit in edits]


WORD = {"matchExpressionType": "SIMPLE_CONTENT", "matchContent": "invoice"}
TRUSTING = {"primaryDelivery": {"bypassSpamFilter": True}}
BAD: list[tuple[str, Edit, str]] = [
    ("MX at another gateway", exchangers("mx1.gateway.example"), "leads to another gateway"),
    ("MX at a known product", exchangers("eu-smtp-inbound-1.mimecast.com"), "leads to Mimecast"),
    ("MX at Microsoft", exchangers("orchard-example.mail.protection.outlook.com"), "leads to Microsoft 365"),
    ("MX at the scanner", exchangers("orchard.gmail-inrelay.example.net"), "leads to the scanner itself"),
    ("no MX", exchangers(), "no server takes its mail"),
    ("an inbound gateway", act("add-gateway", ips=["192.0.2.10"]), "An inbound gateway was set up"),
    (
        "a gateway that was edited",
        both(act("add-gateway", ips=["192.0.2.10"]), act("add-gateway", ips=["192.0.2.11"])),
        "An inbound gateway was set up",
    ),
    ("a routing rule", act("add-routing", name="Catch all"), "“Catch all” was set up"),
    ("another product's route", act("add-route", name="Mimecast inbound", host="in.mimecast.example"), "Mimecast"),
    ("another route for all mail", delivery(changeDefaultRoute=True, normalRouting=False), "changes the route too"),
    (
        "another route for some mail",
        rule(
            matchExpressions=[WORD],
            consequence={"primaryDelivery": {"changeDefaultRoute": True, "normalRouting": False}},
        ),
        "changes the route too",
    ),
    ("all mail refused", held("REJECT"), "refuses mail"),
    ("all mail held", held("QUARANTINE"), "holds mail in quarantine"),
    (
        "mail from elsewhere held",
        held("QUARANTINE", matchExpressions=[source("NOT_IN_RANGE", "192.0.2.0/24")]),
        "that the scanner returns",
    ),
    (
        "our addresses held",
        held("QUARANTINE", matchExpressions=[source("IN_RANGE", "203.0.113.16/28")]),
        "that the scanner returns",
    ),
    ("trust by rule", delivery(bypassSpamFilter=True), "bypass the spam filter"),
    ("all mail redirected", delivery(changeEnvelopeRecipient=True), "another recipient"),
    ("our addresses blocked", setting("blocked_sender_lists", blockedSenders=["203.0.113.17"]), "scanner returns"),
    ("our hosts blocked", setting("blocked_sender_lists", blockedSenders=["outbound.example.net"]), "scanner returns"),
    ("Gmail is off", setting("service_status", serviceState="DISABLED"), "turns Gmail off"),
]
TOLD: list[tuple[str, Edit, str]] = [
    ("an alias domain's MX elsewhere", exchangers("mx.gateway.example", domain="orchard-mail.example"), "leads to"),
    ("a second MX", exchangers("smtp.google.com", "mx.gateway.example"), "names mx.gateway.example too"),
    ("a rule with our name", act("add-rule"), "There is a rule"),
]
GOOD: list[tuple[str, Edit]] = [
    ("as it is", lambda _: None),
    ("a notice", delivery(prependCustomSubject=True, customSubject="[ext]")),
    ("a copy to an archive", rule(consequence={"deliverToAdditionalRecipients": True})),
    ("a rule that is off", both(held("REJECT"), act("disable-rule", name="Theirs"))),
    ("outgoing mail refused", held("REJECT", condition={"affectInboundMessages": False})),
    ("some content refused", held("REJECT", matchExpressions=[WORD])),
    ("a partner held", held("QUARANTINE", matchExpressions=[source("IN_RANGE", "192.0.2.0/24")])),
    ("trust for some content", rule(matchExpressions=[WORD], consequence=TRUSTING)),
    ("a route to a fax", act("add-route", name="Fax", host="fax.example")),
    ("a gateway that is gone", both(act("add-gateway", ips=["192.0.2.10"]), act("remove-gateway"))),
    ("Gmail's older MX records", exchangers("aspmx.l.google.com", "alt1.aspmx.l.google.com", "aspmx2.googlemail.com")),
    ("another sender blocked", setting("blocked_sender_lists", blockedSenders=["bad@x.example"])),
    ("our addresses allowed", setting("email_spam_filter_ip_allowlist", allowedIpAddresses=["203.0.113.16/28"])),
    ("IMAP is off", setting("imap_access", imapAccessRestriction="DISABLED")),
]


def looked(edit: Edit) -> list[Concern]:
    """What is told of a customer after an edit."""
    flow = as_it_is()
    edit(flow)
    return hindrances(flow.snapshot(), flow.changes(), flow.service, flow.protection, main=ORCHARD, asked=())


@pytest.mark.parametrize(("edit", "told"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_would_harm_mail_waits_for_somebody(edit: Edit, told: str) -> None:
    found = [one for one in looked(edit) if one.waits]
    assert any(told in one.told for one in found), [one.told for one in found]
    assert all(one.advice and one.effect and one.told.endswith(".") for one in found)


@pytest.mark.parametrize(("edit", "told"), [case[1:] for case in TOLD], ids=[case[0] for case in TOLD])
def test_what_harms_a_little_is_told_only(edit: Edit, told: str) -> None:
    (one,) = looked(edit)
    assert told in one.told
    assert not one.waits


@pytest.mark.parametrize("edit", [case[1] for case in GOOD], ids=[case[0] for case in GOOD])
def test_of_a_sound_customer_nothing_is_told(edit: Edit) -> None:
    assert looked(edit) == []


async def consented(world: World) -> Connection:
    """An administrator has consented, and nobody has looked yet."""
    connection = await google.create(world, modes=["inline"])
    world.admin("install-app", ORCHARD)
    return await google.consent(world, connection)


async def test_nothing_is_made_before_somebody_accepts_what_is_in_the_way(world: World) -> None:
    world.behave(ORCHARD, mx={ORCHARD: [[10, "mx1.gateway.example"]]})
    connection = await consented(world)
    before = google.state(world)["groups"]
    now = await world.until_true(connection, lambda one: one.reason == "preflight", limit=timedelta(hours=1))
    assert (now.stage, now.status) == (Stage.GRANT, Status.ATTENTION)
    assert google.state(world)["groups"] == before
    (one,) = [one for one in await findings.listed(world.app, now) if one.waits]
    assert one.key == f"mail-flow/mx/{ORCHARD}"
    assert [one.key for one in (await planned(world.app, now)).concerns or ()] == [one.key]
    await findings.choose(world.app, now, [one.key], way=Way.ACCEPT, reason="agreed", until=None, actor=OPERATOR)
    running = await world.until(now, Stage.RUN)
    assert google.group_of(world)
    assert running.reason == "waiting_for_administrator"


async def test_a_connection_that_routes_no_mail_is_not_looked_at(world: World) -> None:
    world.behave(ORCHARD, mx={ORCHARD: [[10, "mx1.gateway.example"]]})
    connection = await google.create(world, modes=["api"])
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)
    assert (await world.until(connection, Stage.RUN)).stage is Stage.RUN
