"""What the customer's administrator and its people do: applications, delegation, users, settings, labels, mail."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.simulators.google import application, console
from infra.local.simulators.google.activities import when
from infra.local.simulators.google.customer import Customer, addresses
from infra.local.simulators.google.gmail.mailbox import (
    Mailbox,
    received,
    relabelled,
    without_history,
    without_label,
    without_messages,
)
from infra.local.simulators.google.sign_in.grants import end_grant
from infra.local.simulators.google.state import Google
from infra.local.simulators.google.wish import Wish
from infra.local.simulators.wire import Answer, Record


def act(google: Google, customer: Customer, body: Mapping[str, Any]) -> Answer:
    """Do one action of `POST /_sim/tenants/{id}/admin`; a wish that makes no sense is a `ValueError`."""
    action = ACTIONS.get(body["action"])
    if action is None:
        raise ValueError(f"There is no action {body['action']!r}. Known: {', '.join(sorted(ACTIONS))}.")
    administrators = (one for one in customer.users.values() if one.get("isAdmin") and not one.get("suspended"))
    wish = Wish(google=google, customer=customer, body=body, actor=next(administrators, None), now=google.clock.now())
    return Answer(body=action(wish) or {})


def receive(google: Google, customer: Customer, body: Mapping[str, Any]) -> Answer:
    """Do `POST /_sim/tenants/{id}/mail`: deliver a message, or the same one several times; `raw` is all of it."""
    user = customer.user(body["to"])
    if user is None or not user.get("isMailboxSetup") or user.get("suspended"):
        raise ValueError(f"Nobody receives mail at {body['to']}.")
    message = {key: body[key] for key in ("from", "to", "subject", "body", "labelIds") if key in body}
    if "raw" in body:
        message["raw"] = base64.urlsafe_b64decode(body["raw"])
    return Answer(body={"ids": [_delivered(google, customer, user, message) for _ in range(int(body.get("count", 1)))]})


def _delivered(google: Google, customer: Customer, user: Record, message: Mapping[str, Any]) -> str:
    """Put a message into a user's mailbox, log it, announce it if watched, and return its id."""
    box = customer.mailboxes.get(user["id"], Mailbox())
    filled = {"to": user["primaryEmail"], **message}
    box, made = received(box, filled, google.clock.now(), customer.behaviour, salt=user["id"])
    customer.mailboxes[user["id"]] = box
    return made


def forget_history(google: Google, body: Mapping[str, Any]) -> Answer:
    """Do `POST /_sim/forget-history`: every history id given out so far, but the present one, is too old."""
    customer = google.customer(body["tenant"])
    user = customer.user(body["user"]) if customer else None
    if customer is None or user is None:
        raise ValueError(f"There is no user {body['user']!r} in {body['tenant']!r}.")
    customer.mailboxes[user["id"]] = without_history(customer.mailboxes.get(user["id"], Mailbox()))
    return Answer(body={})


def _install(wish: Wish) -> None:
    wish.customer.installs[application.MARKETPLACE_APP] = {"state": "ACTIVE", "at": when(wish.now)}
    wish.log(
        "DOMAIN_SETTINGS",
        "ADD_APPLICATION",
        APPLICATION_NAME=wish.google.brand.application,
        APP_ID=application.MARKETPLACE_APP,
    )
    if application.SERVICE_CLIENT_ID not in wish.customer.delegations:
        _delegate(wish, list(application.SCOPES), "application")


def _uninstall(wish: Wish) -> None:
    if wish.customer.installs.pop(application.MARKETPLACE_APP, None) is None:
        raise ValueError("The application is not installed.")
    name, key = wish.google.brand.application, application.MARKETPLACE_APP
    wish.log("DOMAIN_SETTINGS", "REMOVE_APPLICATION", APPLICATION_NAME=name, APP_ID=key)
    delegation = wish.customer.delegations.get(application.SERVICE_CLIENT_ID)
    if delegation is not None and delegation.get("by") == "application":
        _end_delegation(wish)


def _authorise(wish: Wish) -> None:
    _delegate(wish, list(wish.body.get("scopes", application.SCOPES)), "administrator")


def _delegate(wish: Wish, scopes: list[str], by: str) -> None:
    record = {"scopes": scopes, "at": wish.now.isoformat(), "by": by}
    wish.customer.delegations[application.SERVICE_CLIENT_ID] = record
    client = application.SERVICE_CLIENT_ID
    wish.log("DOMAIN_SETTINGS", "AUTHORIZE_API_CLIENT_ACCESS", API_CLIENT_NAME=client, API_SCOPES=scopes)


def _end_delegation(wish: Wish) -> None:
    if wish.customer.delegations.pop(application.SERVICE_CLIENT_ID, None) is None:
        raise ValueError("There is no delegation.")
    client = application.SERVICE_CLIENT_ID
    wish.log("DOMAIN_SETTINGS", "REMOVE_API_CLIENT_ACCESS", API_CLIENT_NAME=client)


def _revoke_grant(wish: Wish) -> None:
    user = wish.user
    if not end_grant(wish.google, wish.customer, user["id"], application.CLIENT_ID):
        raise ValueError(f"{user['primaryEmail']} has granted nothing.")


def _changing(name: str, **values: bool) -> Callable[[Wish], None]:
    """Return an action that sets fields of a user."""

    def action(wish: Wish) -> None:
        user = wish.user
        if user["id"] not in wish.customer.users:
            raise ValueError(f"{user['primaryEmail']} is deleted.")
        wish.customer.users[user["id"]] = {**user, **values}
        wish.log("USER_SETTINGS", name, USER_EMAIL=user["primaryEmail"])

    return action


def _restore(wish: Wish) -> None:
    user = wish.user
    deleted = wish.customer.deleted_users.pop(user["id"], None) is not None
    user = {key: value for key, value in user.items() if key != "deletionTime"}
    wish.customer.users[user["id"]] = {**user, "suspended": False, "archived": False}
    name = "UNDELETE_USER" if deleted else "UNSUSPEND_USER"
    wish.log("USER_SETTINGS", name, USER_EMAIL=user["primaryEmail"])


def _delete_user(wish: Wish) -> None:
    user, customer = wish.user, wish.customer
    if customer.users.pop(user["id"], None) is None:
        raise ValueError(f"{user['primaryEmail']} is deleted already.")
    customer.deleted_users[user["id"]] = {**user, "deletionTime": when(wish.now)}
    for members in customer.members.values():
        members.pop(user["id"], None)
    for key in [key for key in customer.grants if key.startswith(f"{user['id']} ")]:
        del customer.grants[key]
    wish.log("USER_SETTINGS", "DELETE_USER", USER_EMAIL=user["primaryEmail"])


def _add_user(wish: Wish) -> Mapping[str, Any]:
    customer, address = wish.customer, wish.body["email"].lower()
    taken = any(address in addresses(one) for one in (*customer.users.values(), *customer.groups.values()))
    if taken or not customer.owns_domain(address.rpartition("@")[2]):
        raise ValueError(f"{address} is taken, or not of this customer.")
    given, _, family = wish.body["name"].partition(" ")
    made = {
        "kind": "admin#directory#user",
        "id": customer.new_id(),
        "etag": f'"{customer.id}/{customer.sequence}"',
        "primaryEmail": address,
        "name": {"givenName": given, "familyName": family or given, "fullName": wish.body["name"]},
        "isAdmin": False,
        "isDelegatedAdmin": False,
        "suspended": False,
        "archived": False,
        "isMailboxSetup": True,
        "orgUnitPath": "/",
        "customerId": customer.id,
        "creationTime": when(wish.now),
        "lastLoginTime": "1970-01-01T00:00:00.000Z",  # never
    }
    customer.users[made["id"]] = made
    wish.log("USER_SETTINGS", "CREATE_USER", USER_EMAIL=address)
    return {"id": made["id"]}


def _rename_label(wish: Wish) -> None:
    user, box, label = _labelled(wish)
    renamed = {**label, "name": wish.body["to"]}
    wish.customer.mailboxes[user["id"]] = dataclasses.replace(box, labels={**box.labels, label["id"]: renamed})


def _delete_label(wish: Wish) -> None:
    user, box, label = _labelled(wish)
    changed = without_label(box, label["id"], wish.now, wish.customer.behaviour)
    wish.customer.mailboxes[user["id"]] = changed


def _move_message(wish: Wish) -> None:
    """A user moves a message: `add` and `remove` are labels, as in the inbox, the trash, among the spam."""
    user, key = wish.user, wish.body["message"]
    box = wish.customer.mailboxes.get(user["id"], Mailbox())
    if key not in box.messages:
        raise ValueError(f"There is no message {key!r}.")
    add, remove = wish.body.get("add", ()), wish.body.get("remove", ())
    moved = relabelled(box, [key], add=add, remove=remove, now=wish.now, behaviour=wish.customer.behaviour)
    wish.customer.mailboxes[user["id"]] = moved


def _delete_message(wish: Wish) -> None:
    user, key = wish.user, wish.body["message"]
    box = wish.customer.mailboxes.get(user["id"], Mailbox())
    if key not in box.messages:
        raise ValueError(f"There is no message {key!r}.")
    wish.customer.mailboxes[user["id"]] = without_messages(box, [key], wish.now, wish.customer.behaviour)


def _labelled(wish: Wish) -> tuple[Record, Mailbox, Record]:
    user = wish.user
    box = wish.customer.mailboxes.get(user["id"], Mailbox())
    label = box.label_named(wish.body["name"])
    if label is None:
        raise ValueError(f"There is no label {wish.body['name']!r}.")
    return user, box, label


ACTIONS: Mapping[str, Callable[[Wish], Mapping[str, Any] | None]] = {
    "install-app": _install,
    "uninstall-app": _uninstall,
    "authorise-delegation": _authorise,
    "remove-delegation": _end_delegation,
    "revoke-grant": _revoke_grant,
    **console.ACTIONS,
    "suspend-user": _changing("SUSPEND_USER", suspended=True),
    "archive-user": _changing("ARCHIVE_USER", archived=True),
    "restore-user": _restore,
    "delete-user": _delete_user,
    "promote-user": _changing("GRANT_ADMIN_PRIVILEGE", isAdmin=True),
    "demote-user": _changing("REVOKE_ADMIN_PRIVILEGE", isAdmin=False),
    "add-user": _add_user,
    "mail-off": _changing("TOGGLE_SERVICE_ENABLED", isMailboxSetup=False),
    "mail-on": _changing("TOGGLE_SERVICE_ENABLED", isMailboxSetup=True),
    "rename-label": _rename_label,
    "delete-label": _delete_label,
    "move-message": _move_message,
    "delete-message": _delete_message,
}
