"""Before a grant: what would harm mail is told before the first write, and a sound tenant is set up without a word."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from shared.connections.choices import Way
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.engine.chain import entries
from shared.flows import findings
from shared.flows.plans import planned
from shared.foundation.errors import Refused
from shared.foundation.schedule import Site
from tests.harness.clock import TestClock
from tests.harness.world import CONTOSO, World

Edit = Callable[[World], object]
OPERATOR = "operator@msp.example"


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app, not that of scripted hosts."""
    return TestClock(_platforms[2])


def cmdlet(name: str, **parameters: Any) -> Edit:
    """Somebody has run a cmdlet."""
    return lambda world: world.cmdlet(name, **parameters)


def both(*edits: Edit) -> Edit:
    """Somebody has done several things."""
    return lambda world: [edit(world) for edit in edits]


def rule(**settings: Any) -> Edit:
    """There is a transport rule."""
    return cmdlet("New-TransportRule", **{"Name": "Theirs", **settings})


def inbound(**settings: Any) -> Edit:
    """There is an inbound connector."""
    return cmdlet("New-InboundConnector", **{"Name": "Theirs", "SenderDomains": ["*"], **settings})


def outbound(**settings: Any) -> Edit:
    """There is an outbound connector."""
    return cmdlet("New-OutboundConnector", **{"Name": "Theirs", "UseMXRecord": False, **settings})


def exchangers(*hosts: str, domain: str = CONTOSO) -> Edit:
    """A domain's mail is taken by these."""
    return lambda world: world.behave(mx={domain: [[10 * place, host] for place, host in enumerate(hosts)]})


def egress(world: World) -> str:
    """An address from which the service returns mail."""
    return str(next(iter(world.app.settings.mail.at(Site.EU).egress)).network_address)


def listed(name: str, **parameters: Any) -> Edit:
    """Something is in the connection filter's lists; `{egress}` is our address."""

    def edit(world: World) -> None:
        added = {key: [one.format(egress=egress(world)) for one in some] for key, some in parameters.items()}
        tables = {key: {"@odata.type": "#Exchange.GenericHashTable", "Add": some} for key, some in added.items()}
        world.cmdlet(name, Identity="Default", **tables)

    return edit


def on_our_addresses(**settings: Any) -> Edit:
    """An inbound connector of an earlier product lists our address."""
    return lambda world: inbound(SenderIPAddresses=[egress(world)], **settings)(world)


def spoof(action: str, user: str, sender: str, kind: str = "External") -> Edit:
    """There is an entry for spoofed senders; `{ours}` is the domain that we send from."""

    def edit(world: World) -> None:
        ours = world.app.settings.mail.at(Site.EU).sending_domain
        pair = {"SpoofedUser": user, "SendingInfrastructure": sender.format(ours=ours), "SpoofType": kind}
        world.cmdlet("New-TenantAllowBlockListSpoofItems", Identity="Default", Action=action, **pair)

    return edit


def many_rules(number: int) -> Edit:
    """There are so many rules in all."""

    def edit(world: World) -> None:
        for one in range(number - len(world.cmdlet("Get-TransportRule")["value"])):
            world.cmdlet("New-TransportRule", Name=f"Rule {one}", SubjectContainsWords=[f"w{one}"], PrependSubject="x")

    return edit


OUTSIDE = {"FromScope": "NotInOrganization"}
BAD: list[tuple[str, Edit, str]] = [
    ("lockdown by address", inbound(ConnectorType="Partner", RestrictDomainsToIPAddresses=True,
     SenderIPAddresses=["192.0.2.64/28"], RequireTls=True), "another gateway only"),
    ("lockdown by certificate", inbound(ConnectorType="Partner", RestrictDomainsToCertificate=True, RequireTls=True,
     TlsSenderCertificateName="mail.gateway.example"), "another gateway only"),
    ("MX at another gateway", exchangers("mx1.gateway.example"), "leads to another gateway"),
    ("MX at a known product", exchangers("eu-smtp-inbound-1.mimecast.com"), "leads to Mimecast"),
    ("our address blocked", listed("Set-HostedConnectionFilterPolicy", IPBlockList=["{egress}"]), "returns mail"),
    ("our spoof pair blocked", spoof("Block", "*", "{ours}"), "blocks mail that the service returns"),
    ("our pair blocked for one domain", spoof("Block", "contoso.com", "{ours}", "Internal"), "blocks mail"),
    ("another product's way out", outbound(SmartHosts=["acme-host.checkpointcloudsec.com"],
     IsTransportRuleScoped=True), "leads to Check Point"),
    ("another product's way in", inbound(ConnectorType="Partner", TlsSenderCertificateName="*.pphosted.com",
     RequireTls=True), "is Proofpoint's"),
    ("another product's rule", rule(**OUTSIDE, SetHeaderName="X-CLOUD-SEC-AV-Info", SetHeaderValue="acme,inline"),
     "is Check Point"),
    ("a signature service", outbound(SmartHosts=["smtp.exclaimer.net"], IsTransportRuleScoped=True),
     "leads to Exclaimer"),
    ("centralised transport", outbound(ConnectorType="OnPremises", RecipientDomains=["*"],
     SmartHosts=["hybrid.contoso.example"], RouteAllMessagesViaOnPremises=True), "centralised transport"),
    ("a hybrid organisation's way out", outbound(ConnectorType="OnPremises", RecipientDomains=["old.contoso.example"],
     SmartHosts=["hybrid.contoso.example"], CloudServicesMailEnabled=True), "hybrid organisation"),
    ("a hybrid organisation's way in", inbound(ConnectorType="OnPremises", CloudServicesMailEnabled=True,
     TlsSenderCertificateName="hybrid.contoso.example", RequireTls=True), "hybrid organisation"),
    ("spam by rule", rule(**OUTSIDE, SetSCL=9), "taken for spam"),
    ("trust by rule", rule(**OUTSIDE, SetSCL=-1), "trusted"),
    ("the 300th rule", many_rules(298), "298 transport rules"),
    ("an old product's connector on our address", on_our_addresses(ConnectorType="OnPremises"), "returns mail"),
    ("an old product's partner connector", on_our_addresses(ConnectorType="Partner", RequireTls=True), "returns mail"),
    ("all mail deleted", rule(**OUTSIDE, DeleteMessage=True), "refused, held or delayed"),
    ("all mail held", rule(**OUTSIDE, Quarantine=True), "refused, held or delayed"),
]  # fmt: skip
GOOD: list[tuple[str, Edit]] = [
    ("as it is", lambda _: None),
    ("a notice", rule(**OUTSIDE, PrependSubject="[ext] ")),
    ("a disclaimer", rule(FromScope="InOrganization", SentToScope="NotInOrganization", ApplyHtmlDisclaimerText="<p>",
     ApplyHtmlDisclaimerLocation="Append", ApplyHtmlDisclaimerFallbackAction="Wrap")),
    ("a rule that is off", rule(**OUTSIDE, DeleteMessage=True, Enabled=False)),
    ("a rule under test", rule(**OUTSIDE, DeleteMessage=True, Mode="Audit")),
    ("some content refused", rule(**OUTSIDE, AttachmentHasExecutableContent=True, RejectMessageReasonText="No.")),
    ("one sender refused", rule(From=["spam@partner.example"], DeleteMessage=True)),
    ("a lockdown that is off", inbound(ConnectorType="Partner", RestrictDomainsToIPAddresses=True, Enabled=False,
     SenderIPAddresses=["192.0.2.64/28"], RequireTls=True)),
    ("a partner with TLS", inbound(SenderDomains=["bank.example.com"], ConnectorType="Partner", RequireTls=True)),
    ("a partner by address", inbound(SenderDomains=["bank.example.com"], ConnectorType="Partner", RequireTls=True,
     RestrictDomainsToIPAddresses=True, SenderIPAddresses=["192.0.2.64/28"])),
    ("a printer", inbound(ConnectorType="OnPremises", SenderIPAddresses=["192.0.2.7"])),
    ("a way to a partner", outbound(ConnectorType="Partner", RecipientDomains=["bank.example.com"],
     SmartHosts=["mx.bank.example.com"])),
    ("a product's connector that is off", outbound(SmartHosts=["smtp.exclaimer.net"], Enabled=False)),
    ("two MX records", exchangers("contoso-com.mail.protection.outlook.com", "contoso-com.mx.microsoft")),
    ("MX with DNSSEC", exchangers("contoso-com.a-v1.mx.microsoft")),
    ("another address blocked", listed("Set-HostedConnectionFilterPolicy", IPBlockList=["198.51.100.9"])),
    ("our address allowed already", listed("Set-HostedConnectionFilterPolicy", IPAllowList=["{egress}"])),
    ("our pair allowed already", spoof("Allow", "*", "{ours}")),
    ("another pair blocked", spoof("Block", "*", "forger.example")),
    ("296 rules", many_rules(296)),
]  # fmt: skip


async def consented(world: World) -> Connection:
    """An administrator has consented and given the role, and nobody has looked yet."""

    async def live() -> Connection:
        connection = await world.create()
        await world.consent(connection)
        world.admin("assign-role")
        return await world.connection(connection.id)

    return await world.once("consented", live)


async def settled(world: World, connection: Connection) -> Connection:
    """Set up, or waiting for somebody."""
    return await world.until_true(
        connection, lambda now: now.stage is Stage.RUN or now.reason == "preflight", limit=timedelta(hours=1)
    )


@pytest.mark.parametrize(("edit", "told"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_what_would_harm_mail_is_told_before_the_first_write(world: World, edit: Edit, told: str) -> None:
    connection = await consented(world)
    edit(world)
    before = world.snapshot()
    now = await settled(world, connection)
    assert (now.stage, now.status, now.reason) == (Stage.GRANT, Status.ATTENTION, "preflight")
    assert world.snapshot() == before
    found = [one for one in await findings.listed(world.app, now) if one.waits]
    assert any(told in one.told for one in found), [one.told for one in found]
    assert all(one.advice for one in found)
    assert {one.key for one in (await planned(world.app, now)).concerns or ()} >= {one.key for one in found}


async def held_up(world: World) -> Connection:
    """A rule of the customer's is in the way of the set-up, and nothing else."""

    async def live() -> Connection:
        connection = await consented(world)
        rule(**{**OUTSIDE, "Name": "In the way", "SetSCL": -1})(world)
        return await settled(world, connection)

    return await world.once("held up", live)


async def in_the_way(world: World, connection: Connection) -> list[str]:
    """What a plan says is in the way now."""
    return [one.key for one in (await planned(world.app, connection)).concerns or () if one.waits]


@pytest.mark.parametrize("edit", [case[1] for case in GOOD], ids=[case[0] for case in GOOD])
async def test_nothing_of_a_sound_tenant_is_in_the_way(world: World, edit: Edit) -> None:
    connection = await held_up(world)
    assert await in_the_way(world, connection)
    world.cmdlet("Remove-TransportRule", Identity="In the way")
    edit(world)
    assert await in_the_way(world, connection) == []


SET_UP = ("as it is", "our address allowed already", "our pair allowed already", "296 rules")


@pytest.mark.parametrize("name", SET_UP)
async def test_a_sound_tenant_is_set_up_without_a_word(world: World, name: str) -> None:
    connection = await consented(world)
    dict(GOOD)[name](world)
    now = await settled(world, connection)
    assert (now.stage, now.status) == (Stage.RUN, Status.OK), now.sentence
    # The seeded tenant has one domain whose mail another gateway takes.
    assert [one.key for one in await findings.listed(world.app, now)] == ["mail-flow/mx/sub.contoso.com"]


async def test_what_somebody_accepts_does_not_hold_up_and_is_in_the_ledger(world: World) -> None:
    connection = await consented(world)
    outbound(SmartHosts=["smtp.exclaimer.net"], IsTransportRuleScoped=True)(world)
    now = await settled(world, connection)
    (one,) = [one for one in await findings.listed(world.app, now) if one.waits]
    with pytest.raises(Refused, match="only be accepted"):
        await findings.choose(
            world.app, now, [one.key], way=Way.REPORT, reason="later", until=None, actor=OPERATOR
        )  # fmt: skip
    await findings.choose(world.app, now, [one.key], way=Way.ACCEPT, reason="agreed", until=None, actor=OPERATOR)
    now = await world.until(now, Stage.RUN)
    said = [entry async for entry in entries(world.app.database, now.id) if entry.key == one.key]
    assert [(entry.act, entry.actor, entry.note) for entry in said] == [("order", OPERATOR, "accept: agreed")]


async def test_a_repaired_tenant_goes_on_by_itself_within_the_hour(world: World) -> None:
    connection = await consented(world)
    rule(**OUTSIDE, DeleteMessage=True)(world)
    now = await settled(world, connection)
    world.cmdlet("Remove-TransportRule", Identity="Theirs", Confirm=False)
    now = await world.until(now, Stage.RUN, limit=timedelta(hours=1, minutes=10))
    assert not [one for one in await findings.listed(world.app, now) if "Theirs" in one.told]
