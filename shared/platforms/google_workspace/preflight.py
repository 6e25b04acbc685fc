"""Before a grant: what of a customer would harm mail once it is routed to the service, by the model and by its looks.

Hosts, the inbound gateway and routing rules are in no API. The admin log tells for about half a year that one was set
up (support.google.com/a/answer/7061566); what is older cannot be seen, and the steps for the administrator say so.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from shared.engine.concerns import Concern
from shared.engine.effects import FOREIGN, WORST_FIRST, Effect, Harm
from shared.engine.ledger import HoldingState
from shared.platforms import vendors
from shared.platforms.google_workspace import console, directory_sync, mail_reading
from shared.platforms.google_workspace.mail_flow.rules import Share
from shared.platforms.google_workspace.mail_flow.service import Protection, Service
from shared.platforms.google_workspace.mail_flow.snapshot import (
    DELETED,
    GATEWAY_WORD,
    ROUTE_SETTING,
    Change,
    Snapshot,
    read,
)
from shared.platforms.google_workspace.mail_flow.verdict import HIDDEN, Fault, copies, faults, is_gmail
from shared.platforms.google_workspace.tenant import WorkspaceCustomer
from shared.protection import directory

# MX records of Exchange Online end so.
MICROSOFT = vendors.Vendor(name="Microsoft 365", domains=("mail.protection.outlook.com", "mx.microsoft"))
LOG_KEPT = timedelta(days=180)
ADVICE = {
    "rule": "Disable the rule or narrow it so that it leaves protected people's mail alone, or accept what it does.",
    "setting": "Change the setting in the Admin console under Apps > Google Workspace > Gmail, or accept what it does.",
}
LOOK = "Look in the Admin console under Apps > Google Workspace > Gmail"


async def concerns_of(tenant: WorkspaceCustomer) -> list[Concern]:
    """Everything in the way: what needs an acknowledgement, then the worst. Raises if a listing is not complete."""
    database, connection = tenant.context.database, tenant.connection.id
    known = await directory.domains(database, connection)
    if not known or any(one["verified"] and one["mx"] is None for one in known):
        await directory_sync.read_domains(tenant)
    # What was set up since the consent is the administrator's, who follows our page.
    consented = min((one.granted_at for one in tenant.granted), default=tenant.now)
    changes = await console.changes(tenant, tenant.now - LOG_KEPT)
    return hindrances(
        await mail_reading.snapshot(tenant),
        [one for one in changes if datetime.fromisoformat(one.at) < consented],
        await mail_reading.service(tenant),
        await mail_reading.protected(tenant),
        main=str((await tenant.customer())["customerDomain"]).lower(),
        asked={key for key, one in tenant.ledger.holdings.items() if one.state is not HoldingState.GONE},
    )


def hindrances(
    now: Snapshot,
    changes: Sequence[Change],
    service: Service,
    protected: Protection,
    *,
    main: str,
    asked: Collection[str],
) -> list[Concern]:
    """The same of what was read. `main` is the primary domain; `asked` are the keys of what we have asked for."""
    told = [*_exchangers(now, sorted({*protected.people, *protected.also}), main, service)]
    told += [_concern(now, one) for one in faults(now, service, protected) if one.key[0] != "mx"]
    told += _logged(changes, service, asked)
    if copies(now, service) and "rule" not in asked:
        told.append(_left(service))
    return sorted(told, key=lambda one: (not one.waits, _worst(one)))


def _worst(one: Concern) -> int:
    return min((WORST_FIRST.index(Effect(effect)) for effect in one.effect), default=len(WORST_FIRST))


def _key(kind: str, identity: str) -> str:
    return f"{FOREIGN}/{kind}/{identity}"


def _concern(now: Snapshot, fault: Fault) -> Concern:
    name = mail_reading.title(now, fault)
    whole = fault.share is Share.ALL
    harm = Harm(effect=fault.effect, direction="incoming", share="all" if whole else "some", people=fault.people)
    return Concern(
        key=_key(*fault.key),
        told=f"{name[0].upper()}{name[1:]} {fault.done}. {harm}.",
        advice=ADVICE[fault.key[0]],
        effect=(str(fault.effect),),
    )


def _exchangers(now: Snapshot, domains: Sequence[str], main: str, service: Service) -> Iterator[Concern]:
    """A domain whose mail comes in elsewhere is not protected; nothing is made only if that is all, or the main one."""
    mx = now.things["mx"]
    here = {one for one in domains if any(map(is_gmail, (mx.get(one) or ())[:1]))}
    for domain in domains:
        hosts = mx.get(domain)
        waits, name = not here or domain == main, f"The MX record of {domain}"
        if hosts is None:
            told, advice = "could not be read, so where its mail goes is unknown", "Check the DNS, then check again"
            effect = Effect.UNKNOWN
        elif not hosts:
            told, advice = "is missing: no server takes its mail", "Set it if the domain has mail"
            effect, waits = Effect.BOUNCED_OR_DELAYED, domain == main
        elif service.host.lower() in hosts:
            told, advice = "leads to the scanner itself", "Point it to Gmail: mail is routed by the rule"
            effect = Effect.UNKNOWN
        elif domain not in here:
            vendor = vendors.of_hosts(hosts, MICROSOFT) or "another gateway"
            told = f"leads to {vendor} ({hosts[0]}): its mail reaches Gmail by way of that, or not at all"
            advice = "Point it to Gmail, or agree with the customer that this mail is scanned there"
            effect = Effect.UNSCANNED
        elif other := next((one for one in hosts if not is_gmail(one)), None):
            told, advice = f"names {other} too", "Remove it: what comes in there takes another way"
            effect, waits = Effect.UNSCANNED, False
        else:
            continue
        yield Concern(
            key=_key("mx", domain), told=f"{name} {told}.", advice=f"{advice}.", effect=(str(effect),), waits=waits
        )


def _logged(changes: Sequence[Change], service: Service, asked: Collection[str]) -> Iterator[Concern]:
    """What was set up lately and is in no API: somebody must look."""
    log = read(policies=(), mx={}, group=None, changes=changes).things["log"]
    for about, change in sorted(log.items()):
        if change.event == DELETED:
            continue
        setting = change.setting.upper()
        if GATEWAY_WORD in setting and "gateway" not in asked:
            told = f"An inbound gateway was set up or changed at {change.at}. No API shows its addresses"
            advice = f"{LOOK} > Spam, phishing and malware. Add our addresses to those that are there, and check that "
            advice += "mail from other addresses is not rejected"
            effect = Effect.RETURNED_MISJUDGED
        elif setting == ROUTE_SETTING and change.name != service.route and (product := _product(change.name)):
            told = f"The mail route “{change.name}” was set up at {change.at}: {product} may scan mail here"
            advice, effect = f"{LOOK} > Hosts and Compliance. Agree which of the two scans mail", Effect.UNKNOWN
        elif any(word in setting for word in HIDDEN):
            told = f"The routing setting “{change.name or change.setting}” was set up or changed at {change.at}. "
            told += "No API shows where it sends mail"
            advice = f"{LOOK} > Routing. Check that it leaves incoming mail of protected people alone"
            effect = Effect.UNKNOWN
        else:
            continue
        key = _key("log", about)
        yield Concern(key=key, told=f"{told}.", advice=f"{advice}.", effect=(str(effect),))


def _product(name: str) -> str | None:
    """The product that the name of a route tells of."""
    words = name.lower()
    return next((one.name for one in vendors.VENDORS if one.name.lower().split()[0] in words.split()), None)


def _left(service: Service) -> Concern:
    return Concern(
        key=_key("name", service.rule),
        told=f"There is a rule “{service.rule}” already, and we did not ask for it.",
        advice="Left from an earlier connection. Delete it, then set it up with the values of this connection.",
        effect=(str(Effect.UNKNOWN),),
        waits=False,
    )
