"""Microsoft's part of the simulated cloud: its hosts, whose a request is, and what its administrators can do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jwt

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.faults import Subject, plain
from infra.local.simulators.microsoft import applications, seeds, sign_in_errors
from infra.local.simulators.microsoft.control import TenantControl
from infra.local.simulators.microsoft.domains import mail_exchange
from infra.local.simulators.microsoft.exchange.host import Exchange
from infra.local.simulators.microsoft.graph import errors as graph_errors
from infra.local.simulators.microsoft.graph.host import Graph
from infra.local.simulators.microsoft.quirks import QUIRKS
from infra.local.simulators.microsoft.sign_in import SignIn
from infra.local.simulators.microsoft.state import Microsoft
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.state import Customer, Zone
from infra.local.simulators.vendor import Vendor
from infra.local.simulators.wire import Answer, Request


class MicrosoftVendor(Vendor):
    """The sign-in host, Graph and Exchange Online."""

    name = "microsoft365"
    secure = ("login",)
    quirks = QUIRKS

    def __init__(self, cloud: Cloud) -> None:
        seeded = {one.id: one for one in seeds.tenants(cloud.clock.now(), cloud.brand)}
        self._microsoft = Microsoft(clock=cloud.clock, addresses=cloud.addresses, brand=cloud.brand, tenants=seeded)
        self.state = self._microsoft
        graph = Graph(self._microsoft, lambda subject: cloud.instead(subject, partial(self.worded, subject.host)))
        exchange = Exchange(self._microsoft)
        self.hosts = {"login": SignIn(self._microsoft), "graph": graph, "exchange": exchange}
        self.customer_routes = TenantControl(self._microsoft, graph, exchange).routes

    def settings(self, folder: Path) -> dict[str, str]:  # noqa: ARG002 (nothing here is told by a file)
        """Return where the hosts are and who the application is."""
        return {
            "FOOTPRINT_MICROSOFT__LOGIN_URL": self._microsoft.login_url,
            "FOOTPRINT_MICROSOFT__GRAPH_URL": self._microsoft.graph_url,
            "FOOTPRINT_MICROSOFT__EXCHANGE_URL": self._microsoft.exchange_url,
            "FOOTPRINT_MICROSOFT__CLIENT_ID": applications.CLIENT_ID,
            "FOOTPRINT_MICROSOFT__CLIENT_SECRET": applications.CLIENT_SECRET,
        }

    def subject(self, host: str, request: Request) -> Subject:
        """Say whose request it is: by the path, or at Graph by the token; at Exchange, with its cmdlet."""
        if host == "graph":
            tenant = _tenant_of((request.header("authorization") or "").removeprefix("Bearer "))
        else:
            place = 1 if host == "login" else 3
            segments = request.path.split("/")
            found = self._microsoft.tenant(segments[place]) if len(segments) > place else None
            tenant = found.id if found else None
        cmdlet = _cmdlet(request) if host == "exchange" else None
        return Subject(host=host, method=request.method, path=request.path, cmdlet=cmdlet, tenant=tenant)

    def worded(self, host: str, fault: Mapping[str, Any]) -> Answer:
        """Say 429 as the sign-in host or as the others do, and what Graph has words for in those."""
        if fault["kind"] != "throttle":
            worded = host == "graph" and "body" not in fault and fault.get("status") in graph_errors.WORDS
            return graph_errors.in_words(fault["status"]).answer if worded else plain(fault)
        throttled = sign_in_errors.throttled if host == "login" else graph_errors.throttled
        return throttled(fault.get("retry_after"))

    def customers(self) -> list[Customer]:
        """Return the tenants there are."""
        return list(self._microsoft.tenants.values())

    def find(self, name: str) -> Tenant | None:
        """Find a tenant by its id or by one of its verified domains."""
        return self._microsoft.tenant(name)

    def add(self, name: str, domain: str, users: int) -> Tenant:
        """Add a tenant with so many users and nothing special."""
        tenant = seeds.plain(name, domain, users, self._microsoft.clock.now())
        self._microsoft.tenants[tenant.id] = tenant
        return tenant

    def zone(self, domain: str) -> Zone | None:
        """Return what stands in the DNS for a domain, which need not be what Microsoft asks for."""
        for tenant in self._microsoft.tenants.values():
            if domain in tenant.domains:
                return Zone(servers=tenant.behaviour.dns, mail_exchanges=mail_exchanges(tenant, domain))
        return None


def mail_exchanges(tenant: Tenant, domain: str) -> list[tuple[int, str]]:
    """Return a domain's MX records."""
    if domain in tenant.behaviour.mx:
        return [(int(preference), str(host)) for preference, host in tenant.behaviour.mx[domain]]
    if domain not in tenant.accepted_domains:
        return []
    if domain.startswith("sub."):
        return [(10, "mx1.filter.example.net"), (20, "mx2.filter.example.net")]
    return [(0, mail_exchange(domain))]


@lru_cache(maxsize=5_000)
def _tenant_of(token: str) -> str | None:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None  # The host will refuse it; here it only means that no tenant can be named.
    return str(claims.get("tid"))


def _cmdlet(request: Request) -> str | None:
    if named := request.header("x-cmdletname"):
        return named
    try:
        name = json.loads(request.body)["CmdletInput"]["CmdletName"]
    except (ValueError, KeyError, TypeError):
        return None  # Not a cmdlet call; the host says what is wrong with it.
    return name if isinstance(name, str) else None
