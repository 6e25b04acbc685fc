"""The part of the control API that is about Microsoft's tenants."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.local.simulators.control import snapshot
from infra.local.simulators.microsoft import applications
from infra.local.simulators.microsoft.deleted_items import forget_expired, purge
from infra.local.simulators.microsoft.exchange.host import Exchange
from infra.local.simulators.microsoft.graph.host import VERSION, Graph
from infra.local.simulators.microsoft.state import Microsoft
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Answer, Request
from shared.foundation.brand import Brand


class TenantControl:
    """Answers what is asked below `/_sim/tenants/` of one tenant."""

    def __init__(self, microsoft: Microsoft, graph: Graph, exchange: Exchange) -> None:
        self._microsoft = microsoft
        self._graph = graph
        self.routes: dict[tuple[str, str], Callable[[Tenant, Any], Answer]] = {
            ("GET", "snapshot"): self._snapshot,
            ("POST", "behaviour"): _behave,
            ("POST", "cmdlet"): exchange.as_administrator,
            ("POST", "graph"): self._as_administrator,
            ("POST", "admin"): self._administer,
        }

    def _snapshot(self, tenant: Tenant, _: Any) -> Answer:
        forget_expired(tenant, self._microsoft.clock.now())
        return snapshot(tenant)

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
        moment = self._microsoft.clock.now()
        if body["action"] == "consent":
            applications.consent(tenant, self._microsoft.brand.application, moment)
            return Answer(body={})
        if body["action"] == "remove-role-group":
            # Exchange keeps it, and its own entry of the application, when the application is removed.
            tenant.role_group = ()
            return Answer(body={})
        if body["action"] == "delete-groups-for-good":
            brand = self._microsoft.brand
            for found in [one for one, group in tenant.deleted.items() if _ours(group, brand)]:
                purge(tenant, found)
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
            case "make-role-group":
                tenant.role_group = tuple(sorted(body["cmdlets"]))
            case "grant-permission":
                named = {value: name for name, value in applications.GRAPH_ROLES.items()}
                graph = applications.GRAPH_APP_ID
                applications.assign_permission(tenant, key, graph, named[body["permission"]], moment)
            case "remove-application":
                applications.remove(tenant, key, moment, purge=body.get("purge", True))
            case "disable-application" | "enable-application":
                enabled = body["action"].startswith("enable")
                tenant.service_principals[key] = {**principal, "accountEnabled": enabled}
            case _:
                raise ValueError(f"There is no action {body['action']!r}.")
        return Answer(body={})


def _ours(deleted: Mapping[str, Any], brand: Brand) -> bool:
    """Whether an administrator would know a deleted group by its name; a deployment may have put a prefix before it."""
    return str(deleted.get("displayName")).endswith((brand.group_incoming, brand.group_outgoing))


def _behave(tenant: Tenant, body: Any) -> Answer:
    tenant.behaviour = tenant.behaviour.changed(body)
    if "dehydrated" in body:
        config = tenant.organisation_config
        tenant.organisation_config = {**config, "IsDehydrated": body["dehydrated"]}
        tenant.hydrated_at = None
    return Answer(body=vars(tenant.behaviour))
