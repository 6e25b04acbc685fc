"""The part of the control API that is about Workspace customers and Google's keys and pushes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.local.simulators.google import administration, push
from infra.local.simulators.google.api.host import Api
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.state import Google
from infra.local.simulators.wire import Answer, Request

DIRECTORY = "/admin/directory/v1"


class CustomerControl:
    """Answers what is asked below `/_sim/` of customers of Google."""

    def __init__(self, google: Google, admin: Api, groups_settings: Api) -> None:
        self._google = google
        self._admin = admin
        self._groups_settings = groups_settings
        self.routes: dict[tuple[str, str], Callable[[Any], Answer]] = {
            ("POST", "/_sim/rotate-google-keys"): self._rotate,
            ("POST", "/_sim/disabled-services"): self._disable,
            ("POST", "/_sim/push-endpoint"): lambda body: push.aim(google, body),
            ("GET", "/_sim/pushes"): lambda _: push.take(google),
            ("POST", "/_sim/forget-history"): lambda body: administration.forget_history(google, body),
        }
        self.customer_routes: dict[tuple[str, str], Callable[[Customer, Any], Answer]] = {
            ("POST", "behaviour"): _behave,
            ("POST", "admin"): lambda customer, body: administration.act(google, customer, body),
            ("POST", "mail"): lambda customer, body: administration.receive(google, customer, body),
            ("POST", "directory"): self._directory,
        }

    def _rotate(self, _: Any) -> Answer:
        self._google.signer = self._google.signer.rotated()
        return Answer(body=self._google.signer.jwks)

    def _disable(self, body: Any) -> Answer:
        """Switch APIs off in our own project, by host, and all others on."""
        self._google.disabled_services = frozenset(body["hosts"])
        return Answer(body={})

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
        return (self._groups_settings if old else self._admin).as_administrator(customer, request)


def _behave(customer: Customer, body: Any) -> Answer:
    customer.behaviour = customer.behaviour.changed(body)
    return Answer(body=vars(customer.behaviour))
