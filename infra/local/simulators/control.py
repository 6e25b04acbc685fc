"""The control API: what tests and people use to look into the simulated cloud and to disturb it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.faults import Fault
from infra.local.simulators.state import Customer
from infra.local.simulators.vendor import Vendor
from infra.local.simulators.wire import Answer, Refusal, Request

CUSTOMER_PATH = re.compile(r"/_sim/tenants/([^/]+)/([a-z]+)")


class Control:
    """Answers everything below `/_sim/`, on every port."""

    def __init__(self, cloud: Cloud, vendors: Sequence[Vendor]) -> None:
        self._cloud = cloud
        self._vendors = vendors
        self._quirks = frozenset[str]().union(*(one.quirks for one in vendors))
        self._routes: dict[tuple[str, str], Callable[[Any], Answer]] = {
            ("GET", "/_sim/tenants"): lambda _: Answer(body=self.tenants()),
            ("POST", "/_sim/tenants"): self._add_tenant,
            ("POST", "/_sim/faults"): self._add_fault,
            ("DELETE", "/_sim/faults"): self._clear_faults,
            ("GET", "/_sim/calls"): lambda _: Answer(
                body={"calls": len(cloud.calls), "bytes": sum(len(one.body) for one in cloud.calls)}
            ),
            ("GET", "/_sim/clock"): lambda _: Answer(body={"now": cloud.clock.now().isoformat()}),
            ("POST", "/_sim/clock"): self._advance,
        }
        for vendor in vendors:
            self._routes |= vendor.routes

    def tenants(self) -> list[dict[str, str]]:
        """Return the customers there are: id, name, domain, and the vendor as the platform."""
        return [
            {"id": one.id, "name": one.name, "domain": one.domain, "platform": vendor.name}
            for vendor in self._vendors
            for one in vendor.customers()
        ]

    def _add_tenant(self, body: Any) -> Answer:
        """Let there be one more customer, plain and of a given size."""
        name, domain, users = body["name"], body["domain"], int(body.get("users", 5))
        if any(vendor.find(domain) for vendor in self._vendors):
            return Answer(status=409, body={"error": f"There is {domain} already."})
        vendor = next((one for one in self._vendors if one.name == body["platform"]), None)
        if vendor is None:
            raise ValueError(f"There is no platform {body['platform']!r}.")
        with self._cloud.lock:
            return Answer(status=201, body={"id": vendor.add(name, domain, users).id})

    def answer(self, request: Request) -> Answer:
        """Answer one request; what is wrong with it is said in a sentence."""
        try:
            body = request.json()
            if route := self._routes.get((request.method, request.path)):
                return route(body)
            if found := CUSTOMER_PATH.fullmatch(request.path):
                return self._of_customer(found[1], request.method, found[2], body)
        except Refusal as refusal:
            return refusal.answer
        except (ValueError, KeyError, TypeError) as error:
            return Answer(status=400, body={"error": f"{type(error).__name__}: {error}"})
        return Answer(status=404, body={"error": f"There is no {request.method} {request.path}."})

    def _of_customer(self, name: str, method: str, what: str, body: Any) -> Answer:
        for vendor in self._vendors:
            if customer := vendor.find(name):
                if route := vendor.customer_routes.get((method, what)):
                    return route(customer, body)
                if (method, what) == ("GET", "snapshot"):
                    return snapshot(customer)
                if (method, what) == ("GET", "behaviour"):
                    return Answer(body=vars(customer.behaviour))
                return Answer(status=404, body={"error": f"A customer of {vendor.name} has no {method} {what}."})
        return Answer(status=404, body={"error": f"There is no tenant {name}."})

    def _add_fault(self, body: Any) -> Answer:
        self._cloud.faults.append(Fault.parse(body, self._quirks))
        return Answer(status=201, body={})

    def _clear_faults(self, _: Any) -> Answer:
        self._cloud.faults.clear()
        return Answer(status=204)

    def _advance(self, body: Any) -> Answer:
        self._cloud.clock.advance(float(body["advance"]))
        return Answer(body={"now": self._cloud.clock.now().isoformat()})


def snapshot(customer: Customer) -> Answer:
    """Answer with all of a customer's state, always in the same order."""
    text = json.dumps(customer.snapshot(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Answer(body=text)
