"""A simulated customer with the service in it, edited by its administrator without a wire, and what the model says."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Any

from infra.local.simulators.clock import Clock
from infra.local.simulators.google import administration, seeds
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.gmail.settings import REROUTES
from infra.local.simulators.google.state import Google
from shared.engine.effects import Effect
from shared.foundation.brand import PUBLISHED
from shared.platforms.google_workspace.console import SWITCHED, told_by
from shared.platforms.google_workspace.mail_flow.service import Protection, Service, protection
from shared.platforms.google_workspace.mail_flow.snapshot import CHANGED, CREATED, DELETED, Change, Snapshot, read
from shared.platforms.google_workspace.mail_flow.verdict import Fault, copies, difference

SECRET = "5e" * 16
ADDRESS = "tmcas-inline@orchard.example"
HEADER = {"matchExpressionType": "ADVANCED_CONTENT", "location": "FULL_HEADERS", "matchType": "NOT_CONTAINS_TEXT"}


@dataclass(kw_only=True)
class Flow:
    """A customer in whose Admin console everything was set up as we ask for it."""

    google: Google
    customer: Customer
    service: Service
    protection: Protection
    address: str = ADDRESS
    taken_out: int = 0
    group: bool = True

    def copy(self) -> "Flow":
        """One that can be edited without this one."""
        google = self.google.copy()
        return replace(self, google=google, customer=google.customers[self.customer.id])

    def act(self, action: str, **more: Any) -> None:
        """The administrator acts; an event in the log is never as old as the one before it."""
        self.google.clock.advance(1)
        administration.act(self.google, self.customer, {"action": action, **more})

    def snapshot(self) -> Snapshot:
        """What a look reads."""
        mx = self.customer.behaviour.mx
        return read(
            policies=self.customer.policies.values(),
            mx={
                name: [str(host) for _, host in sorted(mx[name])] if name in mx else ["smtp.google.com"]
                for name in self.customer.verified_domains()
            },
            group={"address": self.address, "taken_out": self.taken_out} if self.group else None,
            changes=self.changes(),
        )

    def changes(self) -> list[Change]:
        """What the admin log tells."""
        events = (CREATED, CHANGED, DELETED, SWITCHED)
        return [one for entry in self.customer.audit for event in events for one in told_by(entry, event)]


def as_it_is() -> Flow:
    """A customer of whom everybody is to be protected, before anything was set up."""
    google = Google(clock=Clock(), addresses={}, brand=PUBLISHED)
    customer = seeds.orchard(google.clock.now(), PUBLISHED)
    google.customers[customer.id] = customer
    service = Service(
        host="orchard.gmail-inrelay.example.net",
        egress=(IPv4Network("203.0.113.16/28"), IPv4Network("198.51.100.32/29")),
        sending_domain="outbound.example.net",
        return_header=PUBLISHED.return_header,
        return_secret=SECRET,
        rule=PUBLISHED.gmail_rule,
        rule_id=None,
        route=f"{PUBLISHED.gmail_route} 12345678",
        address=ADDRESS,
    )
    people = [one["primaryEmail"] for one in customer.users.values() if not one["suspended"]]
    return Flow(
        google=google,
        customer=customer,
        service=service,
        protection=protection(people, customer.verified_domains()),
    )


def set_up() -> Flow:
    """The same with everything that we ask the administrator for."""
    flow = as_it_is()
    service = flow.service
    flow.act("add-route", name=service.route, host=service.host)
    flow.act("add-gateway", ips=["203.0.113.16/28", "198.51.100.32/29"])
    mark = {**HEADER, "matchContent": f"{service.return_header}: {SECRET}"}
    flow.act(
        "add-rule",
        name=service.rule,
        content={"matchExpressions": [mark], "matchAnyExpression": False, "consequence": {"primaryDelivery": REROUTES}},
    )
    (identity,) = copies(flow.snapshot(), service)
    return replace(flow, service=replace(service, rule_id=identity))


def found(before: Flow, after: Flow) -> list[Fault]:
    """What a change did to the mail."""
    return difference(before.snapshot(), after.snapshot(), after.service, after.protection)


def effects(before: Flow, after: Flow) -> set[Effect]:
    """The effects of a change."""
    return {one.effect for one in found(before, after)}
