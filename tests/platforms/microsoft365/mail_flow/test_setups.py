"""Set-ups of a tenant before a grant, without a wire: what is told of them, and what has to wait."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.platforms.microsoft365.concerns import concerns
from shared.platforms.microsoft365.mail_flow.setup import Setup
from tests.platforms.microsoft365.mail_flow import flow as names
from tests.platforms.microsoft365.mail_flow.flow import Flow
from tests.platforms.microsoft365.mail_flow.powershell import snapshot

ENDS = (names.IN_DOMAIN, names.OUT_DOMAIN, names.JUNK, names.SKIP)
OURS = {*ENDS, names.TO_SCANNER_IN, names.TO_SCANNER_OUT, names.BACK_IN, names.BACK_OUT}
EGRESS = ("198.51.100.32/29", "203.0.113.16/28")
OUTSIDE: dict[str, Any] = {"FromScope": "NotInOrganization"}
LEAVES: dict[str, Any] = {"FromScope": "InOrganization", "SentToScope": "NotInOrganization"}
Edit = Callable[[Flow], object]


def does(cmdlet: str, **given: Any) -> Edit:
    """The tenant's administrator has run a cmdlet."""
    return lambda flow: flow.run(cmdlet, **given)


def rule(**given: Any) -> Edit:
    """There is a transport rule of theirs."""
    return does("New-TransportRule", **{"Name": "Theirs", **given})


def added(what: str, *addresses: str) -> Edit:
    """The connection filter has these addresses too."""
    change = {"@odata.type": "#Exchange.GenericHashTable", "add": list(addresses)}
    return does("Set-HostedConnectionFilterPolicy", Identity="Default", **{what: change})


def exchangers(*hosts: str, domain: str = "contoso.com") -> Edit:
    """A domain's mail is taken by these."""

    def edit(flow: Flow) -> None:
        records = {domain: [[place, host] for place, host in enumerate(hosts)]}
        flow.tenant.behaviour = flow.tenant.behaviour.changed({"mx": records})

    return edit


WAITS: list[tuple[str, Edit, str]] = [
    ("only a gateway's addresses pass", rule(**OUTSIDE, ExceptIfSenderIpRanges=["192.0.2.0/28"],
     RejectMessageReasonText="Use the gateway."), "refused, held or delayed"),
    ("only a gateway's mark passes", rule(**OUTSIDE, ExceptIfHeaderContainsMessageHeader="X-Gateway",
     ExceptIfHeaderContainsWords=["7f3a"], DeleteMessage=True), "refused, held or delayed"),
    ("unknown relays are deleted", rule(SenderIpRanges=["203.0.113.0/24"], DeleteMessage=True), "refused, held"),
    ("all is redirected", rule(**OUTSIDE, RedirectMessageTo=["amber.alder@contoso.com"]), "refused, held or delayed"),
    ("all is approved by somebody", rule(**OUTSIDE, ModerateMessageByUser=["amber.alder@contoso.com"]), "held"),
    ("what leaves is approved by managers", rule(**LEAVES, ModerateMessageByManager=True), "held or delayed"),
    ("SCL 0 for all", rule(**OUTSIDE, SetSCL=0), "filtered"),
    ("SCL 8 for our addresses", rule(SenderIpRanges=list(EGRESS), SetSCL=8), "taken for spam"),
    ("scanned mail is routed on", rule(**OUTSIDE, RouteMessageOutboundConnector="To the archive"), "cannot be told"),
    ("a range around ours is blocked", added("IPBlockList", "203.0.113.0/24"), "from which the service returns mail"),
    ("a domain is relayed on", does("Set-AcceptedDomain", Identity="contoso.com", DomainType="InternalRelay"),
     "contoso.com"),
    ("a domain may not send", does("Set-AcceptedDomain", Identity="contoso.com", SendingFromDomainDisabled=True),
     "refused, held or delayed"),
    ("MX at Proofpoint", exchangers("mx1-us1.ppe-hosted.com"), "leads to Proofpoint"),
    ("MX at Barracuda", exchangers("d123456a.ess.barracudanetworks.com"), "leads to Barracuda"),
    ("their connector trusts our addresses as inside", does("New-InboundConnector", Name="Old", SenderDomains=["*"],
     ConnectorType="OnPremises", SenderIPAddresses=[EGRESS[0]], TreatMessagesAsInternal=True), "returns mail"),
    ("an old connector of our name", does("New-InboundConnector", Name=names.BACK_IN, SenderDomains=["a.example"]),
     "already, and we did not make it"),
    ("an old rule of our name", rule(Name=names.JUNK, SubjectContainsWords=["x"], PrependSubject="y"),
     "already, and we did not make it"),
    ("all that leaves counts as internal", does("Set-RemoteDomain", Identity="Default", IsInternal=True),
     "bypasses the scanner: the remote domain"),
    ("the filter trusts all senders", does("Set-RemoteDomain", Identity="Default", TrustedMailInboundEnabled=True),
     "is trusted without having been scanned: the remote domain"),
    ("a range around ours is blocked as forged", does("New-TenantAllowBlockListSpoofItems", Identity="Default",
     SpoofedUser="*", SendingInfrastructure="203.0.113.0/24", SpoofType="External", Action="Block"), "cannot be told"),
    ("a domain is at their own servers", does("Set-AcceptedDomain", Identity="contoso.com", OutboundOnly=True),
     "contoso.com"),
    ("a connector for all accepted domains", does("New-OutboundConnector", Name="Own", ConnectorType="OnPremises",
     UseMXRecord=False, SmartHosts=["own.example"], AllAcceptedDomains=True), "cannot be told"),
    ("a certificate for all", does("New-InboundConnector", Name="Gateway", SenderDomains=["*"],
     RestrictDomainsToCertificate=True, TlsSenderCertificateName="gw.example"), "another gateway only"),
    ("one of our addresses is held", rule(SenderIpRanges=["203.0.113.20"], Quarantine=True), "refused, held"),
    ("whatever has a Message-ID is deleted", rule(**OUTSIDE, HeaderMatchesMessageHeader="Message-ID",
     HeaderMatchesPatterns=["."], DeleteMessage=True), "refused, held"),
    ("MX at our own host", exchangers("gw.other.example"), "leads to another gateway"),
    ("all is refused with a status", rule(**OUTSIDE, RejectMessageEnhancedStatusCode="5.7.1",
     RejectMessageReasonText="No"), "refused, held"),
    ("our addresses are refused", rule(SenderIpRanges=list(EGRESS), RejectMessageReasonText="No"), "refused, held"),
    ("the return host is blocked as forger", does("New-TenantAllowBlockListSpoofItems", Identity="Default",
     SpoofedUser="*", SendingInfrastructure="outbound.example.net", SpoofType="Internal", Action="Block"),
     "blocks mail"),
    ("a domain may get no mail", does("Set-AcceptedDomain", Identity="contoso.com", SendingToDomainDisabled=True),
     "refused, held or delayed"),
    ("a hybrid organisation lets mail in", does("New-InboundConnector", Name="Inbound from own", SenderDomains=["*"],
     ConnectorType="OnPremises", CloudServicesMailEnabled=True, TlsSenderCertificateName="mail.contoso.com"), "hybrid"),
    ("a hybrid organisation takes mail", does("New-OutboundConnector", Name="Outbound to own", UseMXRecord=False,
     ConnectorType="OnPremises", CloudServicesMailEnabled=True, SmartHosts=["mail.contoso.com"],
     RecipientDomains=["contoso.com"]), "hybrid"),
    ("central transport", does("New-OutboundConnector", Name="Outbound to own", UseMXRecord=False,
     ConnectorType="OnPremises", RouteAllMessagesViaOnPremises=True, SmartHosts=["mail.contoso.com"],
     RecipientDomains=["*"]), "centralised transport"),
    ("an old product's connector to our host", lambda flow: flow.run("New-OutboundConnector", Name="Old",
     UseMXRecord=False, SmartHosts=[flow.service.outgoing_host], RecipientDomains=["a.example"]),
     "leads to the service already"),
    ("a lockdown for one of two gateways", does("New-InboundConnector", Name="Gateway", SenderDomains=["*"],
     RestrictDomainsToIPAddresses=True, SenderIPAddresses=["192.0.2.64/28"]), "another gateway only"),
]  # fmt: skip
# Each is found as the exchanger, as where a connector leads, and as a certificate that mail comes in with.
GATEWAYS = [
    ("Barracuda", "d1.ess.barracudanetworks.com"), ("Check Point", "contoso.mx.checkpointcloudsec.com"),
    ("Cisco", "mx1.hc42-7.iphmx.com"), ("Cloudflare", "mailstream-east.mxrecord.io"),
    ("Forcepoint", "cust1-s.in.mailcontrol.com"), ("Hornetsecurity", "mx01.hornetsecurity.com"),
    ("Libraesva", "contoso1.esvacloud.com"), ("Mimecast", "eu-smtp-inbound-1.mimecast.com"),
    ("Proofpoint", "mxa-00000001.gslb.pphosted.com"), ("Proofpoint", "mxa-00000001.gslb.gpphosted.com"),
    ("Sophos", "mx-01-eu-west-1.prod.hydra.sophos.com"), ("Symantec", "cluster1.eu.messagelabs.com"),
    ("TitanHQ", "mx1.contoso.titanhq.com"), ("Trellix", "primary.us.etp.fireeyegov.com"),
    ("Trend Micro", "contoso.in.tmes.trendmicro.eu"),
]  # fmt: skip
TOLD: list[tuple[str, Edit, str]] = [
    ("no MX at all", exchangers(), "no server takes its mail"),
    ("a backup MX elsewhere", exchangers("contoso-com.mail.protection.outlook.com", "mx.backup.example"), "names"),
    ("all mail is journalled", does("New-JournalRule", Name="Archive", JournalEmailAddress="a@archive.example",
     Enabled=True), "may be copied twice"),
    ("one person's mail is journalled", does("New-JournalRule", Name="Legal", JournalEmailAddress="a@archive.example",
     Recipient="amber.alder@contoso.com", Scope="External", Enabled=True), "mail of amber.alder@contoso.com"),
    ("some mail is encrypted by a word", rule(**LEAVES, SubjectContainsWords=["[secure]"], ApplyOME=True), "encrypts"),
    ("what goes to a partner is encrypted", rule(RecipientDomainIs=["bank.example"], ApplyOME=True), "encrypts"),
    ("a second domain's mail is scanned elsewhere", exchangers("mx.other.example", domain="contoso.onmicrosoft.com"),
     "leads to another gateway"),
]  # fmt: skip
SILENT: list[tuple[str, Edit]] = [
    ("a rule stops", rule(**OUTSIDE, PrependSubject="[ext] ", StopRuleProcessing=True)),
    ("copies by a word", rule(**LEAVES, SubjectContainsWords=["contract"], BlindCopyTo=["legal@contoso.com"])),
    ("a partner is trusted before the filter", rule(SenderDomainIs=["partner.example"], SetHeaderName="X-P",
     SetHeaderValue="1")),
    ("MX in the government's cloud", exchangers("contoso-com.mail.protection.office365.us")),
    ("our secret from elsewhere is refused", rule(**OUTSIDE, ExceptIfSenderIpRanges=list(EGRESS),
     HeaderContainsMessageHeader="X-TMCAS-Inline-Return-Identifier", HeaderContainsWords=["x"], DeleteMessage=True)),
    ("a network elsewhere is blocked as forged", does("New-TenantAllowBlockListSpoofItems", Identity="Default",
     SpoofedUser="*", SendingInfrastructure="192.0.2.0/24", SpoofType="External", Action="Block")),
    ("what printers send is copied", rule(**LEAVES, SenderIpRanges=["192.0.2.10"], PrependSubject="[print] ")),
    ("another organisation of theirs", does("New-InboundConnector", Name="Sister", SenderDomains=["sister.example"],
     TrustedOrganizations=["sister.onmicrosoft.com"])),
    ("a rule that has ended", rule(**OUTSIDE, DeleteMessage=True, ExpiryDate="2020-01-01T00:00:00")),
    ("a rule that begins in years", rule(**OUTSIDE, DeleteMessage=True, ActivationDate="2050-01-01T00:00:00")),
    ("what goes round inside", rule(FromScope="InOrganization", SentToScope="InOrganization", DeleteMessage=True)),
    ("automatic forwarding is refused", rule(**LEAVES, MessageTypeMatches="AutoForward", RejectMessageReasonText="No")),
    ("a journal rule that is off", does("New-JournalRule", Name="Old", JournalEmailAddress="a@archive.example")),
    ("no automatic forwarding to anywhere", does("Set-RemoteDomain", Identity="Default", AutoForwardEnabled=False)),
    ("a remote domain", does("New-RemoteDomain", Name="Partner", DomainName="partner.example")),
    ("the safe list", does("Set-HostedConnectionFilterPolicy", Identity="Default", EnableSafeList=True)),
    ("their addresses are allowed", added("IPAllowList", "192.0.2.77", "192.0.2.80/30")),
    ("their addresses are blocked", added("IPBlockList", "192.0.2.200")),
    ("another sender may spoof", does("New-TenantAllowBlockListSpoofItems", Identity="Default",
     SpoofedUser="crm@contoso.com", SendingInfrastructure="crm.example.com", SpoofType="Internal", Action="Allow")),
    ("a certificate for one partner", does("New-InboundConnector", Name="Bank", SenderDomains=["bank.example"],
     RestrictDomainsToCertificate=True, TlsSenderCertificateName="mx.bank.example", RequireTls=True)),
    ("all that leaves by another relay", does("New-OutboundConnector", Name="Relay", RecipientDomains=["*"],
     UseMXRecord=False, SmartHosts=["relay.example"])),
    ("a group-wide disclaimer", rule(**LEAVES, ApplyHtmlDisclaimerText="<p>", ApplyHtmlDisclaimerLocation="Append",
     ApplyHtmlDisclaimerFallbackAction="Wrap")),
    ("spam is held", rule(SCLOver=6, Quarantine=True)),
    ("recipients are known by each of their addresses", rule(**OUTSIDE, RecipientAddressType="Resolved",
     PrependSubject="[ext] ")),
    ("a gateway's lockdown that is off", does("New-InboundConnector", Name="Gateway", SenderDomains=["*"],
     RestrictDomainsToIPAddresses=True, SenderIPAddresses=["192.0.2.64/28"], Enabled=False)),
    ("a gateway's connector that is off", does("New-OutboundConnector", Name="Gateway", UseMXRecord=False,
     SmartHosts=["eu-smtp-outbound-1.mimecast.com"], RecipientDomains=["*"], Enabled=False)),
    ("TLS for one partner", does("New-InboundConnector", Name="Bank", SenderDomains=["bank.example"], RequireTls=True)),
    ("a refusal under test", rule(**OUTSIDE, DeleteMessage=True, Mode="Audit")),
    ("programs are refused", rule(**OUTSIDE, AttachmentHasExecutableContent=True, RejectMessageReasonText="No")),
    ("all mail is reported", rule(**OUTSIDE, GenerateIncidentReport="a@contoso.com", IncidentReportContent=["Sender"])),
]  # fmt: skip


def told_of(whole: Flow, edit: Edit, *, unread: tuple[str, ...] = ()) -> Any:
    """What is told of a tenant after an edit, when the service is about to come into it."""
    filled = snapshot(whole)
    tenant = whole.copy()
    bare(tenant)
    edit(tenant)
    now = with_domains(tenant)
    rules = [{**one, "Guid": f"ours {one['Name']}"} for one in filled.rules if one["Name"] in OURS]
    things = {
        "inbound": {key: one for key, one in filled.things["inbound"].items() if one["Name"] in OURS},
        "outbound": {key: one for key, one in filled.things["outbound"].items() if one["Name"] in OURS},
        "allowed": dict.fromkeys(EGRESS, True),
        "spoof": {"ours spoof": {"SpoofedUser": "*", "SendingInfrastructure": tenant.service.sending_domain,
                  "SpoofType": "External", "Action": "Allow"}},
    }  # fmt: skip
    now = replace(now, things={kind: some for kind, some in now.things.items() if kind not in unread})
    found = concerns(now, Setup(rules=rules, things=things), tenant.service, tenant.protected)
    # The seeded tenant has one domain whose mail another gateway takes.
    return [one for one in found if one.key != "mail-flow/mx/sub.contoso.com"]


def bare(flow: Flow) -> None:
    """Take ours out of a tenant."""
    tenant = flow.tenant
    tenant.rules = [one for one in tenant.rules if one["Name"] not in OURS]
    for kind in ("inbound_connectors", "outbound_connectors"):
        setattr(tenant, kind, {key: one for key, one in getattr(tenant, kind).items() if one["Name"] not in OURS})
    tenant.connection_filter = {**tenant.connection_filter, "IPAllowList": ("192.0.2.10",)}
    ours = flow.service.sending_domain
    tenant.spoof_items = {key: one for key, one in tenant.spoof_items.items() if one["SendingInfrastructure"] != ours}


def with_domains(flow: Flow) -> Any:
    """What is listed, with the MX records that DNS has."""
    seen = snapshot(flow)
    return replace(seen, things={**seen.things, "mx": flow.listing().mx})


@pytest.mark.parametrize(("edit", "text"), [one[1:] for one in WAITS], ids=[one[0] for one in WAITS])
def test_what_would_harm_mail_waits(whole: Flow, edit: Edit, text: str) -> None:
    found = told_of(whole, edit)
    assert any(text in one.told and one.waits and one.advice for one in found), [one.told for one in found]


@pytest.mark.parametrize(("vendor", "host"), GATEWAYS, ids=[one[1] for one in GATEWAYS])
def test_another_product_is_named_and_waits(whole: Flow, vendor: str, host: str) -> None:
    leads = does("New-OutboundConnector", Name="Gateway", UseMXRecord=False, SmartHosts=[host], RecipientDomains=["*"])
    comes = does("New-InboundConnector", Name="Gateway", SenderDomains=["*"], TlsSenderCertificateName=host)
    for edit in (exchangers(host), leads, comes):
        found = told_of(whole, edit)
        assert any(vendor in one.told and one.waits and one.advice for one in found), [one.told for one in found]


@pytest.mark.parametrize(("edit", "text"), [one[1:] for one in TOLD], ids=[one[0] for one in TOLD])
def test_what_is_good_to_know_is_told_and_does_not_wait(whole: Flow, edit: Edit, text: str) -> None:
    (one,) = told_of(whole, edit)
    assert text in one.told
    assert one.advice
    assert not one.waits


@pytest.mark.parametrize("edit", [one[1] for one in SILENT], ids=[one[0] for one in SILENT])
def test_a_sound_set_up_is_not_spoken_of(whole: Flow, edit: Edit) -> None:
    assert [one.told for one in told_of(whole, edit)] == []


def test_what_cannot_be_read_is_said(whole: Flow) -> None:
    found = told_of(whole, lambda _: None, unread=("journal", "remote"))
    assert {one.key for one in found} == {"mail-flow/journal/unread", "mail-flow/remote/unread"}
    assert not any(one.waits for one in found)
