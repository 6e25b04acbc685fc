"""The Marketplace API: whether a customer has our application installed. It needs nothing of the customer's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.google.application import MARKETPLACE_APP


def _customer_license(asked: Asked) -> Mapping[str, Any]:
    """Say ACTIVE or UNLICENSED; the latter also of a domain that never installed it, or is not known at all."""
    application, domain = asked.args["applicationId"], asked.args["customerId"]
    if asked.actor is not None or application != MARKETPLACE_APP:
        raise refused(403, "forbidden", "Not authorized to access the application ID", name="PERMISSION_DENIED")
    # What the API calls a customer's id is its domain name.
    found = asked.google.customer(domain) if "." in domain else None
    install = found.installs.get(application, {}) if found else {}
    return {
        "kind": "appsmarket#customerLicense",
        "id": f"{application}/{domain}",
        "state": install.get("state", "UNLICENSED"),
        "applicationId": application,
        "customerId": domain,
    }


HANDLERS: Mapping[str, Handler] = {"appsmarket.customerLicense.get": _customer_license}
