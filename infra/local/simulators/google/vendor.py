"""Google's part of the simulated cloud: its hosts, whose a request is, and how the service finds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.faults import Subject
from infra.local.simulators.google import application, marketplace, seeds
from infra.local.simulators.google.admin import groups, members, organisation, policies, reports, users
from infra.local.simulators.google.api.host import Api
from infra.local.simulators.google.api.refusals import throttled, unavailable
from infra.local.simulators.google.control import CustomerControl
from infra.local.simulators.google.customer import Customer as WorkspaceCustomer
from infra.local.simulators.google.gmail import mailboxes
from infra.local.simulators.google.push import Pusher
from infra.local.simulators.google.sign_in import iam
from infra.local.simulators.google.sign_in.consent import Accounts
from infra.local.simulators.google.sign_in.grants import holder
from infra.local.simulators.google.sign_in.host import OAuth
from infra.local.simulators.google.state import Google
from infra.local.simulators.google.www import Www
from infra.local.simulators.state import Customer, Zone
from infra.local.simulators.vendor import Vendor
from infra.local.simulators.wire import Answer, Request

ADMIN = {
    **users.HANDLERS,
    **organisation.HANDLERS,
    **groups.HANDLERS,
    **members.HANDLERS,
    **reports.HANDLERS,
}


class GoogleVendor(Vendor):
    """The sign-in hosts, Admin SDK, Gmail, Cloud Identity, Marketplace, IAM, and Pub/Sub's pushes."""

    name = "google"
    quirks = frozenset({"page_cut", "half_listing", "empty_listing", "empty_page_with_next_token"})

    def __init__(self, cloud: Cloud) -> None:
        seeded = {one.id: one for one in seeds.customers(cloud.clock.now(), cloud.brand)}
        google = self._google = Google(
            clock=cloud.clock, addresses=cloud.addresses, brand=cloud.brand, customers=seeded
        )
        self.state = google
        self._lock = cloud.lock
        admin, www = Api(google, "admin", ADMIN), Www(google)
        self.hosts: dict[str, Accounts | OAuth | Api | Www] = {
            "accounts": Accounts(google),
            "oauth2": OAuth(google),
            "admin": admin,
            "gmail": Api(google, "gmail", mailboxes.HANDLERS),
            "cloudidentity": Api(google, "cloudidentity", policies.HANDLERS),
            "appsmarket": Api(google, "appsmarket", marketplace.HANDLERS),
            "iam": Api(google, "iam", iam.HANDLERS),
            "www": www,
        }
        control = CustomerControl(google, admin, www.api)
        self.routes, self.customer_routes = control.routes, control.customer_routes

    def subject(self, host: str, request: Request) -> Subject:
        """Say which customer a request is about."""
        tenant = self._whose(request)
        return Subject(host=host, method=request.method, path=request.path, cmdlet=None, tenant=tenant)

    def worded(self, host: str, fault: Mapping[str, Any]) -> Answer:
        """Say a rate limit, or a backend's failure, as Google does."""
        return throttled(host, fault) if fault["kind"] == "throttle" else unavailable(fault)

    def customers(self) -> list[Customer]:
        """Return the customers there are."""
        return list(self._google.customers.values())

    def find(self, name: str) -> WorkspaceCustomer | None:
        """Find a customer by its id or by one of its verified domains."""
        return self._google.customer(name)

    def add(self, name: str, domain: str, users: int) -> WorkspaceCustomer:
        """Add a customer with so many users and nothing special."""
        customer = seeds.plain(name, domain, users, self._google.clock.now())
        self._google.customers[customer.id] = customer
        return customer

    def zone(self, domain: str) -> Zone | None:
        """Return what stands in the DNS for a domain of a customer."""
        for customer in self._google.customers.values():
            if domain in customer.domain_names():
                return Zone(servers=customer.behaviour.dns, mail_exchanges=_mail_exchanges(customer, domain))
        return None

    async def run(self) -> None:
        """Deliver pushes."""
        await Pusher(self._google, self._lock).run()

    def _whose(self, request: Request) -> str | None:
        """Say which customer a request is about: by its token, or by what it wants a token for."""
        if bearer := (request.header("authorization") or "").removeprefix("Bearer "):
            token = self._google.tokens.get(bearer)
            return token.customer_id if token else None
        form = request.form() if request.method == "POST" else {}
        if assertion := form.get("assertion"):
            try:
                subject = str(jwt.decode(assertion, options={"verify_signature": False}).get("sub", ""))
            except jwt.InvalidTokenError:
                return None  # The host will refuse it; here it only means that no customer can be named.
            customer = self._google.customer(subject.partition("@")[2])
            return customer.id if customer else None
        if code := self._google.codes.get(form.get("code", "")):
            return code.customer_id
        text = form.get("refresh_token") or form.get("token") or ""
        if found := holder(self._google, text):
            return found[0].id
        token = self._google.tokens.get(text)
        return token.customer_id if token else None

    def settings(self, folder: Path) -> dict[str, str]:
        """Write the key files into a folder; return where the hosts are and who the application is."""
        google, at = self._google, self._google.addresses
        paths = {}
        for address, account in google.project.accounts.items():
            path = paths[address] = key_file(folder, address)
            path.write_text(json.dumps(account.key_file(f"{at['oauth2']}/token"), indent=2))
            path.chmod(0o600)
        told = {
            "ACCOUNTS_URL": at["accounts"],
            "TOKEN_URL": at["oauth2"],
            "ADMIN_URL": at["admin"],
            "GMAIL_URL": at["gmail"],
            "CLOUDIDENTITY_URL": at["cloudidentity"],
            "APPSMARKET_URL": at["appsmarket"],
            "IAM_URL": at["iam"],
            "GROUPSSETTINGS_URL": at["www"],
            "CERTS_URL": f"{at['www']}/oauth2/v3/certs",
            "CLIENT_ID": application.CLIENT_ID,
            "CLIENT_SECRET": application.CLIENT_SECRET,
            "SERVICE_ACCOUNT": str(paths[application.SERVICE_ACCOUNT]),
            "MARKETPLACE_APP": application.MARKETPLACE_APP,
            "TOPIC": application.TOPIC,
            "PUSH_ACCOUNT": application.PUSH_ACCOUNT,
        }
        return {f"FOOTPRINT_GOOGLE__{name}": value for name, value in told.items()}


def key_file(folder: Path, account: str) -> Path:
    """Return where the key of a service account lies."""
    return folder / f"{account.partition('@')[0]}.json"


def _mail_exchanges(customer: WorkspaceCustomer, domain: str) -> list[tuple[int, str]]:
    if domain in customer.behaviour.mx:
        return [(int(preference), str(host)) for preference, host in customer.behaviour.mx[domain]]
    return [(1, "smtp.google.com")] if domain in customer.verified_domains() else []
