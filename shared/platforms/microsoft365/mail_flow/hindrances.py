"""What is known to be in the way of an inline service, by how it looks in a tenant. Pure.

The model says what happens to mail; this says in the customer's words why, and what to do about it. Sources:
learn.microsoft.com/exchange/mail-flow-best-practices/manage-mail-flow-using-third-party-cloud,
learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow/set-up-connectors-for-secure-mail-flow-with-a-partner,
learn.microsoft.com/exchange/transport-options (centralised transport).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from shared.platforms import vendors
from shared.platforms.microsoft365.mail_flow import parameters
from shared.platforms.microsoft365.mail_flow.connectors import EXCHANGE
from shared.platforms.microsoft365.mail_flow.listing import Inbound, Listing, Outbound, Rule
from shared.platforms.microsoft365.mail_flow.ranges import ranges
from shared.platforms.microsoft365.mail_flow.service import Service
from shared.platforms.microsoft365.mail_flow.snapshot import Key, Snapshot

GOOGLE = vendors.Vendor(name="Google Workspace", domains=("google.com", "googlemail.com"))
DISABLE = "Disable it, or take it out, if it is not needed any more; else agree first which of the two scans mail."


class Hindrance(NamedTuple):
    """One object in the way: what it is, behind its name, and what to do.

    Where it does not wait it is only told; None: it waits if the model finds that it does harm.
    """

    key: Key
    told: str
    advice: str
    waits: bool | None = True


def hindrances(now: Snapshot, service: Service, protected: Iterable[str]) -> Iterator[Hindrance]:
    """What stands in the way in a tenant without us. `protected` are the domains whose mail is to be scanned."""
    listing = now.listing()
    for inbound in listing.inbound:
        if inbound.enabled:
            yield from _inbound(inbound, service)
    for outbound in {one.id: one for one in listing.outbound.values()}.values():
        if outbound.enabled:
            yield from _outbound(outbound, service)
    for rule in listing.rules:
        if rule.enforced:
            yield from _rule(rule)
    yield from _exchangers(listing, sorted(protected))
    yield from _lists(now, service)


def _inbound(one: Inbound, service: Service) -> Iterator[Hindrance]:
    key = "inbound", one.id
    if one.addresses.touches(service.egress):
        yield Hindrance(
            key,
            "is for addresses from which the service returns mail: Exchange may take this connector instead of ours",
            "An earlier product or connection left this object. Remove it.",
        )
    elif vendor := vendors.of_hosts([one.certificate, *one.domains], GOOGLE):
        yield Hindrance(key, f"is {vendor}'s: another product scans mail here", DISABLE)
    elif one.partner and "*" in one.domains and (one.only_addresses or one.only_certificate):
        yield Hindrance(
            key,
            "lets mail in from another gateway only, and refuses what comes from elsewhere",
            "Add the service's addresses to it, or turn the restriction off, before mail is routed to the service.",
        )
    elif not one.partner and one.keeps_headers:
        yield Hindrance(
            key,
            "belongs to a hybrid organisation: mail comes from servers of its own, where nothing of it is scanned",
            "Check which mailboxes and MX records are at the organisation's own servers, and scan their mail there.",
        )


def _outbound(one: Outbound, service: Service) -> Iterator[Hindrance]:
    key = "outbound", one.id
    if service.hosts.intersection(one.hosts):
        yield Hindrance(
            key,
            "leads to the service already, and is not ours",
            "An earlier product or connection left this object. Remove it with the rules that use it.",
        )
    elif vendor := vendors.of_hosts(one.hosts, GOOGLE):
        yield Hindrance(key, f"leads to {vendor}: another product scans mail here", DISABLE)
    elif one.settings.get("RouteAllMessagesViaOnPremises"):
        yield Hindrance(
            key,
            "leads all outgoing mail through the organisation's own servers (centralised transport), scanned mail too",
            "Agree with the customer whether scanned mail may take that way; else turn centralised transport off.",
        )
    elif one.settings.get("ConnectorType") == "OnPremises" and one.settings.get("CloudServicesMailEnabled"):
        yield Hindrance(
            key,
            "belongs to a hybrid organisation: mail for mailboxes at its own servers takes this way",
            "Check which mailboxes are at the organisation's own servers: what they send and receive is not seen.",
        )


def _rule(rule: Rule) -> Iterator[Hindrance]:
    key = "rule", rule.id
    stamped = {**rule.conditions, **rule.exceptions, **rule.actions}
    headers = [
        str(value) for name, value in stamped.items() if name.endswith("MessageHeader") or name == "SetHeaderName"
    ]
    if vendor := next(filter(None, map(vendors.of_header, headers)), None):
        yield Hindrance(key, f"is {vendor}'s: another product scans mail here", DISABLE)
    elif parameters.SEALS.intersection(rule.actions):
        yield Hindrance(
            key,
            "encrypts mail, and what comes to the service encrypted cannot be read there",
            "Have mail encrypted by the last gateway, or accept that what this rule encrypts is not inspected.",
            waits=None,
        )


def _exchangers(listing: Listing, domains: Sequence[str]) -> Iterator[Hindrance]:
    """A domain whose mail comes in elsewhere is not protected; nothing is made only if that is all, or the main one."""
    here = {domain for domain in domains if _ends(listing.mx.get(domain))[:1] == [True]}
    for domain in domains:
        key, hosts = ("mx", domain), listing.mx.get(domain)
        waits = not here or bool(listing.domains[domain].get("Default"))
        if hosts is None:
            told = "could not be read, so where its mail goes is unknown"
            yield Hindrance(key, told, "Correct the domain's DNS, then check again.", waits)
        elif not hosts:
            yield Hindrance(key, "is missing: no server takes its mail", "Set it if the domain has mail.", waits=False)
        elif domain not in here:
            vendor = vendors.of_hosts(hosts, GOOGLE) or "another gateway"
            yield Hindrance(
                key,
                f"leads to {vendor} ({hosts[0]}): its mail reaches Microsoft 365 by way of that, or not at all",
                "Point the MX record to Microsoft 365, or agree with the customer that this mail is scanned there.",
                waits,
            )
        elif False in _ends(hosts):
            other = hosts[_ends(hosts).index(False)]
            told = f"names {other} too"
            yield Hindrance(key, told, "Remove it: what comes in there takes another way.", waits=False)


def _ends(hosts: Sequence[str] | None) -> list[bool]:
    return [host.lower().rstrip(".").endswith(EXCHANGE) for host in hosts or ()]


def _lists(now: Snapshot, service: Service) -> Iterator[Hindrance]:
    for text in now.things["blocked"]:
        if ranges([text]).touches(service.egress):
            yield Hindrance(
                ("blocked", text), "means addresses from which the service returns mail", "Take it out of the list."
            )
    for identity, record in now.things["spoof"].items():
        ours = str(record["SendingInfrastructure"]).lower() == service.sending_domain
        if ours and record["Action"] != "Allow":
            yield Hindrance(
                ("spoof", identity),
                "blocks mail that the service returns",
                "Remove it from the Tenant Allow/Block List.",
            )
