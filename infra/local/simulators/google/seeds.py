"""The Workspace customers every simulated cloud starts with: Orchard, full of exceptions, and Harbour, large."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from infra.local.simulators.google.admin.groups_settings import DEFAULTS
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.gmail.mailbox import Mailbox, labelled, received
from infra.local.simulators.google.gmail.settings import add_rule
from infra.local.simulators.wire import Record
from shared.foundation.brand import Brand

ORCHARD = "C01orchard"
HARBOUR = "C02harbour"
HARBOUR_USERS = 20_000
HARBOUR_GROUPS = 40
GIVEN = ("Agate", "Beryl", "Coral", "Garnet", "Jasper", "Pearl")
FAMILY = ("Alder", "Aspen", "Bay", "Cherry", "Ebony", "Laurel", "Linden", "Myrtle", "Plum", "Rowan")
EVENTS_FORGOTTEN = timedelta(days=2)


def customers(now: datetime, brand: Brand) -> list[Customer]:
    """Return both customers as they are before anything happens to them."""
    return [orchard(now, brand), harbour(now)]


def orchard(now: datetime, brand: Brand) -> Customer:
    """Return the customer with one of everything that could go wrong."""
    moment = now - EVENTS_FORGOTTEN
    customer = _customer(ORCHARD, "Orchard", "orchard.example", moment)
    alias = {"domainAliasName": "orchard-mail.example", "parentDomainName": customer.domain, "verified": True}
    primary = customer.domains[customer.domain]
    made = str(int(moment.timestamp() * 1000))
    customer.domains[customer.domain] = {**primary, "domainAliases": ({**alias, "creationTime": made},)}
    customer.domains["pending.orchard.example"] = _domain("pending.orchard.example", moment, verified=False)
    for name in ("Sales", "Press", "Press/Cider"):
        _unit(customer, f"/{name}")
    people = _orchard_people(customer, moment)
    _orchard_groups(customer, people, brand)
    _orchard_settings(customer, moment)
    _orchard_mail(customer, people, moment, brand)
    # What set the customer up is long forgotten by the log.
    customer.audit.clear()
    return customer


def _orchard_people(customer: Customer, moment: datetime) -> list[str]:
    admin = _user(customer, customer.key_of("admin"), "admin", "Orchard Admin", moment, isAdmin=True)
    keys = [admin]
    names = [f"{given} {family}" for given in GIVEN for family in FAMILY][:59]
    for number, name in enumerate(names):
        local = name.lower().replace(" ", ".")
        fields: dict[str, Any] = {"orgUnitPath": ("/", "/Sales", "/Press", "/Press/Cider")[number % 4]}
        if number == 0:
            fields["isAdmin"] = True
        elif number == 1:
            fields["isDelegatedAdmin"] = True
        elif number in (50, 51, 52):
            fields |= {"suspended": True, "suspensionReason": "ADMIN"}
        elif number == 53:
            fields["archived"] = True
        elif number in (54, 55):
            fields["isMailboxSetup"] = False
        if number % 6 == 2:
            short = f"{local[0]}.{local.partition('.')[2]}"
            fields["aliases"] = (f"{short}.{number}@{customer.domain}",)
        keys.append(_user(customer, customer.key_of(local), local, name, moment, **fields))
    customer.users = dict(sorted(customer.users.items()))
    return keys


def _orchard_groups(customer: Customer, people: list[str], brand: Brand) -> None:
    everybody = {"id": customer.id, "type": "CUSTOMER", "role": "MEMBER", "status": "ACTIVE"}
    partner = {"id": customer.key_of("ann@partner.example"), "email": "ann@partner.example", "type": "EXTERNAL"}
    cider = _group(customer, "cider", "Cider Press", people[20:26])
    _group(customer, "production", "Production", people[18:22], [_group_member(customer, cider)])
    _group(customer, "management", "Management", people[:4], owner=people[0])
    _group(customer, "sales", "Sales", people[4:12])
    _group(customer, "partners", "Partners", people[12:15], [{**partner, "role": "MEMBER", "status": "ACTIVE"}])
    _group(customer, "all", "All of Orchard", [], [everybody])
    _group(customer, "former", "Former Staff", [])
    # The customer's own, and by accident or design named like the one the service makes.
    _group(customer, f"{brand.word.lower()}-own", brand.gmail_group, people[30:32])


def _orchard_settings(customer: Customer, moment: datetime) -> None:
    add_rule(customer, "Footer of the legal department", "/", None, moment)
    root = next(iter(customer.org_units.values()))
    settings: list[tuple[str, dict[str, Any]]] = [
        ("gmail.service_status", {"serviceState": "ENABLED"}),
        ("gmail.imap_access", {"imapAccessRestriction": "ANY_CLIENT"}),
        ("gmail.pop_access", {"enablePopAccess": False}),
        ("gmail.email_spam_filter_ip_allowlist", {"allowedIpAddresses": ["192.0.2.10", "203.0.113.16/28"]}),
        ("gmail.blocked_sender_lists", {"blockedSenders": []}),
        ("gmail.auto_forwarding", {"enableAutoForwarding": False}),
        ("security.login_challenges", {"enableEmployeeIdChallenge": False}),
        ("drive_and_docs.external_sharing", {"externalSharingMode": "ALLOWLISTED_DOMAINS"}),
    ]
    unit = root["orgUnitId"].removeprefix("id:")
    for number, (kind, value) in enumerate(settings):
        name = f"policies/ahp{customer.key_of(kind)}"
        customer.policies[name] = {
            "name": name,
            "customer": f"customers/{customer.id}",
            "policyQuery": {
                "query": f"entity.org_units.exists(org_unit, org_unit.org_unit_id == orgUnitId('{unit}'))",
                "orgUnit": f"orgUnits/{unit}",
                "sortOrder": float(number + 1),
            },
            "setting": {"type": f"settings/{kind}", "value": value},
            "type": "ADMIN" if number % 2 else "SYSTEM",
        }


def _orchard_mail(customer: Customer, people: list[str], moment: datetime, brand: Brand) -> None:
    for number, key in enumerate(people[1:7]):
        user, box = customer.users[key], Mailbox()
        for count in range(number + 1):
            subject = f"Delivery note {number}{count}"
            message = {"to": user["primaryEmail"], "from": f"office{count}@market.example", "subject": subject}
            box, _ = received(box, message, moment, customer.behaviour, salt=key)
        visible = {"labelListVisibility": "labelShow", "messageListVisibility": "show"}
        if number == 1:
            box, _ = labelled(box, {"name": "Harvest", **visible})
        if number == 2:
            # Somebody made one like it by hand; to Gmail it is the same name.
            first, _, rest = brand.gmail_label.partition(" ")
            box, _ = labelled(box, {"name": f"{first.upper()} {rest.lower()}".strip(), **visible})
        customer.mailboxes[key] = box


def harbour(now: datetime) -> Customer:
    """Return the customer that is only large. Identities count up, so that nothing needs sorting."""
    moment = now - EVENTS_FORGOTTEN
    customer = _customer(HARBOUR, "Harbour", "harbour.example", moment)
    admin = f"1{0:020}"
    _user(customer, admin, "admin", "Harbour Admin", moment, isAdmin=True)
    for number in range(1, HARBOUR_USERS):
        fields = {"suspended": True} if number % 50 == 0 else {}
        _user(customer, f"1{number:020}", f"user{number:05}", f"User {number:05}", moment, **fields)
    keys = list(customer.users)
    step = HARBOUR_USERS // HARBOUR_GROUPS
    for number in range(HARBOUR_GROUPS):
        _group(customer, f"team-{number:02}", f"Team {number:02}", keys[number * step : (number + 1) * step])
    return customer


def plain(name: str, domain: str, users: int, now: datetime) -> Customer:
    """Return a customer with an administrator, so many users and nothing special, for tests that need many."""
    moment = now - EVENTS_FORGOTTEN
    customer = _customer("C" + hashlib.sha256(domain.encode()).hexdigest()[:8], name, domain, moment)
    _user(customer, customer.key_of("admin"), "admin", f"{name} Admin", moment, isAdmin=True)
    for number in range(1, users):
        local = f"user{number:05}"
        _user(customer, customer.key_of(local), local, f"User {number:05}", moment)
    customer.users = dict(sorted(customer.users.items()))
    _group(customer, "staff", "Staff", customer.users)
    customer.audit.clear()
    return customer


def _customer(key: str, name: str, domain: str, moment: datetime) -> Customer:
    customer = Customer(id=key, name=name, domain=domain)
    customer.domains[domain] = _domain(domain, moment, primary=True)
    _unit(customer, "/")
    return customer


def _domain(name: str, moment: datetime, *, primary: bool = False, verified: bool = True) -> Record:
    created = str(int(moment.timestamp() * 1000))
    return {"domainName": name, "isPrimary": primary, "verified": verified, "creationTime": created}


def _unit(customer: Customer, path: str) -> None:
    key = f"id:03ph{customer.key_of(path)[-12:]}"
    name = path.rpartition("/")[2] or customer.domain
    customer.org_units[key] = {"orgUnitId": key, "orgUnitPath": path, "name": name}


def _user(customer: Customer, key: str, local: str, name: str, moment: datetime, **fields: Any) -> str:
    given, _, family = name.partition(" ")
    time = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    customer.users[key] = {
        "id": key,
        "primaryEmail": f"{local}@{customer.domain}",
        "name": {"givenName": given, "familyName": family, "fullName": name},
        "isAdmin": False,
        "isDelegatedAdmin": False,
        "lastLoginTime": time,
        "creationTime": time,
        "agreedToTerms": True,
        "suspended": False,
        "archived": False,
        "changePasswordAtNextLogin": False,
        "ipWhitelisted": False,
        "nonEditableAliases": (f"{local}@{customer.domain}.test-google-a.com",),
        "customerId": customer.id,
        "orgUnitPath": "/",
        "isMailboxSetup": True,
        "isEnrolledIn2Sv": False,
        "isEnforcedIn2Sv": False,
        "includeInGlobalAddressList": True,
        **fields,
    }
    return key


def _group(
    customer: Customer, local: str, name: str, people: Iterable[str], others: Iterable[Record] = (), owner: str = ""
) -> str:
    key = f"0{customer.key_of(f'group {local}')[-14:]}"
    customer.groups[key] = {
        "id": key,
        "email": f"{local}@{customer.domain}",
        "name": name,
        "description": "",
        "adminCreated": True,
    }
    members = customer.members[key] = {
        one: {
            "id": one,
            "email": customer.users[one]["primaryEmail"],
            "role": "OWNER" if one == owner else "MEMBER",
            "type": "USER",
            "status": "ACTIVE",
        }
        for one in people
    }
    members.update({one["id"]: one for one in others})
    customer.group_settings[key] = DEFAULTS
    return key


def _group_member(customer: Customer, key: str) -> Record:
    return {
        "id": key,
        "email": customer.groups[key]["email"],
        "role": "MEMBER",
        "type": "GROUP",
        "status": "ACTIVE",
    }
