"""The part of the control API that is about Workspace customers and Google's keys and pushes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.google import administration, push
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.hosts import Hosts
from infra.local.simulators.wire import Answer, Request

DIRECTORY = "/admin/directory/v1"


class CustomerControl:
    """Answers what is asked below `/_sim/` of customers of Google."""

    def __init__(self, cloud: Cloud, hosts: Hosts) -> None:
        self._cloud = cloud
        self._hosts = hosts
        self.routes: dict[tuple[str, str], Callable[[Any], Answer]] = {
            ("POST", "/_sim/rotate-google-keys"): self._rotate,
            ("POST", "/_sim/push-endpoint"): lambda body: push.aim(cloud, body),
            ("GET", "/_sim/pushes"): lambda _: push.take(cloud),
            ("POST", "/_sim/forget-history"): lambda body: administration.forget_history(cloud, body),
        }
        self._customer_routes: dict[tuple[str, str], Callable[[Customer, Any], Answer]] = {
            ("GET", "snapshot"): _snapshot,
            ("GET", "behaviour"): lambda customer, _: Answer(body=vars(customer.behaviour)),
            ("POST", "behaviour"): _behave,
            ("POST", "admin"): lambda customer, body: administration.act(cloud, customer, body),
            ("POST", "mail"): lambda customer, body: administration.receive(cloud, customer, body),
            ("POST", "directory"): self._directory,
        }

    def customers(self) -> list[dict[str, str]]:
        """Return the customers there are."""
        known = self._cloud.customers.values()
        return [{"id": one.id, "name": one.name, "domain": one.domain, "platform": "google"} for one in known]

    def of_customer(self, customer: Customer, method: str, what: str, body: Any) -> Answer | None:
        """Answer one request about one customer, or say with None that there is no such thing."""
        route = self._customer_routes.get((method, what))
        return route(customer, body) if route else None

    def _rotate(self, _: Any) -> Answer:
        self._cloud.google_signer = self._cloud.google_signer.rotated()
        return Answer(body=self._cloud.google_signer.jwks)

    def _directory(self, customer: Customer, body: Any) -> Answer:
        """Do a call as the customer's super administrator; a path without a prefix is Directory's."""
        path, _, query = body["path"].partition("?")
        if not path.startswith(("/admin/", "/groups/v1/")):
            path = f"{DIRECTORY}{path}"
        given = parse_qsl(query, keep_blank_values=True)
        old = path.startswith("/groups/")
        # The old API answers JSON only to those who ask for it; who asks here is always one of them.
        query_pairs = [*given, ("alt", "json")] if old and "alt" not in dict(given) else given
        request = Request(
            method=body["method"].upper(),
            path=unquote(path),
            query=tuple(query_pairs),
            headers={"content-type": "application/json"},
            body=json.dumps(body["body"]).encode() if body.get("body") is not None else b"",
        )
        return (self._hosts.www.api if old else self._hosts.admin).as_administrator(customer, request)


def _snapshot(customer: Customer, _: Any) -> Answer:
    text = json.dumps(customer.snapshot(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Answer(body=text)


def _behave(customer: Customer, body: Any) -> Answer:
    customer.behaviour = customer.behaviour.changed(body)
    return Answer(body=vars(customer.behaviour))
