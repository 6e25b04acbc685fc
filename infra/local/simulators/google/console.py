"""What the customer's administrator does to Gmail's settings in the Admin console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from infra.local.simulators.google.gmail import settings
from infra.local.simulators.google.wish import Wish


def _add_rule(wish: Wish) -> Mapping[str, Any]:
    """Make a rule with a content of its own, or under the service's name as the service asks for it."""
    name, unit = _rule(wish), wish.body.get("org_unit", "/")
    asked = {"consequence": {"primaryDelivery": settings.REROUTES}} if name == wish.google.brand.gmail_rule else {}
    content = wish.body.get("content", asked)
    return {"ruleId": settings.add_rule(wish.customer, name, unit, wish.actor, wish.now, content)}


def _rule(wish: Wish) -> str:
    return str(wish.body.get("name", wish.google.brand.gmail_rule))


def _switching(state: str) -> Callable[[Wish], None]:
    return lambda wish: settings.switch_rule(wish.customer, _rule(wish), state, wish.actor, wish.now)


def _add_route(wish: Wish) -> None:
    name, host = wish.body.get("name", wish.google.brand.gmail_route), wish.body["host"]
    settings.add_route(wish.customer, name, host, wish.actor, wish.now)


def _edit_route(wish: Wish) -> None:
    name = wish.body.get("name", wish.google.brand.gmail_route)
    settings.edit_route(wish.customer, name, wish.body["host"], wish.actor, wish.now)


def _set_setting(wish: Wish) -> None:
    kind, value, unit = wish.body["type"], wish.body["value"], wish.body.get("org_unit", "/")
    settings.set_setting(wish.customer, kind, value, unit, wish.actor, wish.now)


def _remove_route(wish: Wish) -> None:
    name = wish.body.get("name", wish.google.brand.gmail_route)
    settings.remove_route(wish.customer, name, wish.actor, wish.now)


def _add_gateway(wish: Wish) -> None:
    gateway = {"ips": tuple(wish.body["ips"])}
    settings.set_gateway(wish.customer, gateway, wish.actor, wish.now)


ACTIONS: Mapping[str, Callable[[Wish], Mapping[str, Any] | None]] = {
    "add-rule": _add_rule,
    "disable-rule": _switching("disabled"),
    "enable-rule": _switching("enabled"),
    "delete-rule": lambda wish: settings.delete_rule(wish.customer, _rule(wish), wish.actor, wish.now),
    "rename-rule": lambda wish: settings.rename_rule(wish.customer, _rule(wish), wish.body["to"], wish.actor, wish.now),
    "aim-rule": lambda wish: settings.aim_rule(wish.customer, _rule(wish), wish.body["aims"], wish.actor, wish.now),
    "edit-rule": lambda wish: settings.edit_rule(
        wish.customer, _rule(wish), wish.body["content"], wish.actor, wish.now
    ),
    "set-setting": _set_setting,
    "add-routing": lambda wish: settings.add_routing(wish.customer, wish.body["name"], wish.actor, wish.now),
    "add-route": _add_route,
    "edit-route": _edit_route,
    "remove-route": _remove_route,
    "add-gateway": _add_gateway,
    "remove-gateway": lambda wish: settings.set_gateway(wish.customer, None, wish.actor, wish.now),
}
