"""The control API: what tests and people use to look into the simulated cloud and to disturb it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.local.simulators import issuer as operators
from infra.local.simulators.cloud import Cloud
from infra.local.simulators.faults import Fault
from infra.local.simulators.google import seeds
from infra.local.simulators.google.control import CustomerControl
from infra.local.simulators.google.hosts import Hosts
from infra.local.simulators.microsoft import applications
from infra.local.simulators.microsoft import seeds as seed_tenants
from infra.local.simulators.microsoft.deleted_items import forget_expired
from infra.local.simulators.microsoft.exchange.host import Exchange
from infra.local.simulators.microsoft.graph.host import VERSION, Graph
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Answer, Refusal, Request

TENANT_PATH = re.compile(r"/_sim/tenants/([^/]+)/([a-z]+)")


class Control:
    """Answers everything below `/_sim/`, on every port."""

    def __init__(self, cloud: Cloud, graph: Graph, exchange: Exchange, google: Hosts) -> None:
        self._cloud = cloud
        self._graph = graph
        self._exchange = exchange
        self._google = CustomerControl(cloud, google)
        self._routes: dict[tuple[str, str], Callable[[Any], Answer]] = {
            ("GET", "/_sim/tenants"): lambda _: Answer(body=self.tenants()),
            ("POST", "/_sim/tenants"): self._add_tenant,
            ("POST", "/_sim/faults"): self._add_fault,
            ("DELETE", "/_sim/faults"): self._clear_faults,
            ("GET", "/_sim/clock"): lambda _: Answer(body={"now": cloud.clock.now().isoformat()}),
            ("POST", "/_sim/clock"): self._advance,
            ("POST", "/_sim/operator-token"): lambda body: operators.control(cloud, "token", body),
            ("POST", "/_sim/operators/rotate"): lambda body: operators.control(cloud, "rotate", body),
            ("POST", "/_sim/operators/claims"): lambda body: operators.control(cloud, "claims", body),
            **self._google.routes,
        }
        self._tenant_routes: dict[tuple[str, str], Callable[[Tenant, Any], Answer]] = {
            ("GET", "snapshot"): self._snapshot,
            ("GET", "behaviour"): lambda tenant, _: Answer(body=vars(tenant.behaviour)),
            ("POST", "behaviour"): self._behave,
            ("POST", "cmdlet"): self._exchange.as_administrator,
            ("POST", "graph"): self._as_administrator,
            ("POST", "admin"): self._administer,
        }

    def tenants(self) -> list[dict[str, str]]:
        """Return the tenants there are, of both platforms."""
        known = self._cloud.tenants.values()
        listed = [{"id": one.id, "name": one.name, "domain": one.domain, "platform": "microsoft365"} for one in known]
        return listed + self._google.customers()

    def _add_tenant(self, body: Any) -> Answer:
        """Let there be one more customer, plain and of a given size."""
        now, asked = self._cloud.clock.now(), (body["name"], body["domain"], int(body.get("users", 5)))
        if self._cloud.tenant(asked[1]) or self._cloud.customer(asked[1]):
            return Answer(status=409, body={"error": f"There is {asked[1]} already."})
        with self._cloud.lock:
            if body["platform"] == "microsoft365":
                tenant = seed_tenants.plain(*asked, now)
                self._cloud.tenants[tenant.id] = tenant
                return Answer(status=201, body={"id": tenant.id})
            if body["platform"] == "google":
                customer = seeds.plain(*asked, now)
                self._cloud.customers[customer.id] = customer
                return Answer(status=201, body={"id": customer.id})
        raise ValueError("platform: microsoft365 or google")

    def answer(self, request: Request) -> Answer:
        """Answer one request; what is wrong with it is said in a sentence."""
        try:
            body = request.json()
            if route := self._routes.get((request.method, request.path)):
                return route(body)
            if found := TENANT_PATH.fullmatch(request.path):
                return self._of_tenant(found[1], request.method, found[2], body)
        except Refusal as refusal:
            return refusal.answer
        except (ValueError, KeyError, TypeError) as error:
            return Answer(status=400, body={"error": f"{type(error).__name__}: {error}"})
        return Answer(status=404, body={"error": f"There is no {request.method} {request.path}."})

    def _of_tenant(self, name: str, method: str, what: str, body: Any) -> Answer:
        if customer := self._cloud.customer(name):
            answer = self._google.of_customer(customer, method, what, body)
            return answer or Answer(status=404, body={"error": f"A customer of Google has no {method} {what}."})
        tenant = self._cloud.tenant(name)
        route = self._tenant_routes.get((method, what))
        if tenant is None or route is None:
            return Answer(status=404, body={"error": f"There is no tenant {name} with {method} {what}."})
        return route(tenant, body)

    def _snapshot(self, tenant: Tenant, _: Any) -> Answer:
        forget_expired(tenant, self._cloud.clock.now())
        text = json.dumps(tenant.snapshot(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return Answer(body=text)

    def _behave(self, tenant: Tenant, body: Any) -> Answer:
        tenant.behaviour = tenant.behaviour.changed(body)
        if "dehydrated" in body:
            config = tenant.organisation_config
            tenant.organisation_config = {**config, "IsDehydrated": body["dehydrated"]}
            tenant.hydrated_at = None
        return Answer(body=vars(tenant.behaviour))

    def _as_administrator(self, tenant: Tenant, body: Any) -> Answer:
        path, _, query = body["path"].partition("?")
        path = unquote(path)
        request = Request(
            method=body["method"].upper(),
            path=path if path.startswith(VERSION) else f"{VERSION}{path}",
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            headers={"content-type": "application/json", "consistencylevel": "eventual"},
            body=json.dumps(body["body"]).encode() if body.get("body") is not None else b"",
        )
        return self._graph.as_administrator(tenant, request)

    def _administer(self, tenant: Tenant, body: Any) -> Answer:
        moment = self._cloud.clock.now()
        if body["action"] == "consent":
            applications.consent(tenant, moment)
            return Answer(body={})
        principal = tenant.service_principal_of(applications.CLIENT_ID)
        if principal is None:
            return Answer(status=409, body={"error": "The application is not in this tenant. Consent first."})
        key = principal["id"]
        role = body.get("role", applications.EXCHANGE_ADMINISTRATOR)
        match body["action"]:
            case "assign-role":
                applications.assign_directory_role(tenant, key, role)
            case "unassign-role":
                applications.unassign_directory_role(tenant, key, role)
            case "remove-application":
                applications.remove(tenant, key, moment, purge=body.get("purge", True))
            case "disable-application" | "enable-application":
                enabled = body["action"].startswith("enable")
                tenant.service_principals[key] = {**principal, "accountEnabled": enabled}
            case _:
                raise ValueError(f"There is no action {body['action']!r}.")
        return Answer(body={})

    def _add_fault(self, body: Any) -> Answer:
        self._cloud.faults.append(Fault.parse(body))
        return Answer(status=201, body={})

    def _clear_faults(self, _: Any) -> Answer:
        self._cloud.faults.clear()
        return Answer(status=204)

    def _advance(self, body: Any) -> Answer:
        self._cloud.clock.advance(float(body["advance"]))
        return Answer(body={"now": self._cloud.clock.now().isoformat()})
