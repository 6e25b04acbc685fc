"""A Google Workspace customer as the judge reads it."""

import math
from collections.abc import Mapping
from typing import Any

from infra.local.simulators.google.customer import VOLATILE
from infra.local.simulators.google.gmail.mailbox import DISCARDED_DAYS
from tests.harness.world import World
from tests.lives.judge import Contents, Tenancy, Thing

# What a service may touch: the label and the place of a message are its work.
PLACES = frozenset({"labelIds", "historyId", "discarded"})


def tenancy(world: World, customer_id: str) -> Tenancy:
    """The customer's things. What only the administrator can make stands beside what we can."""
    google = world.sims.google

    def things() -> Contents:
        customer = google.customers[customer_id]
        found: dict[Thing, Mapping[str, Any]] = {}
        for key, one in customer.groups.items():
            members = frozenset(customer.members.get(key, ()))
            settings = customer.group_settings.get(key)
            found["group", key] = {**one, "members": members, "settings": settings}
        found |= {("user", key): one for key, one in customer.users.items()}
        found |= {("policy", key): one for key, one in customer.policies.items()}
        found |= {("route", key): one for key, one in customer.routes.items()}
        found |= {("delegation", key): one for key, one in customer.delegations.items()}
        found |= {("install", key): one for key, one in customer.installs.items()}
        for user, box in customer.mailboxes.items():
            found |= {("label", f"{user} {key}"): one for key, one in box.labels.items()}
            found |= {("message", f"{user} {key}"): one for key, one in box.messages.items()}
        return found

    return Tenancy(
        things=things,
        volatile=VOLATILE | PLACES,
        intents={"group": ("group",)},
        only_one=_only_one,
        # Gmail empties the bin and the spam folder after 30 days.
        goes_by_itself=lambda one: (
            one.get("discarded", math.inf) + DISCARDED_DAYS * 86_400 <= world.clock.now().timestamp()
        ),
    )


def _only_one(thing: Thing, record: Mapping[str, Any]) -> str | None:
    match thing[0]:
        case "group":
            return str(record["email"])
        case "label":
            return f"{thing[1].partition(' ')[0]} {str(record['name']).casefold()}"
        case _:
            return None
