"""The demo's mail: a message is labelled, one is quarantined and put back, and every call is in the log."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from infra.local.demo.story import Life, Rows
from infra.local.simulators.google import push
from shared.foundation.brand import Brand

USER = "agate.aspen@orchard.example"
RISKY = {
    "name": "risky senders",
    "everyone": True,
    "conditions": {"senders": ["risky.example"]},
    "actions": ["label"],
}
# A sender who uses a colleague's name with another address, and wants money.
PAYMENTS = {
    "name": "payments",
    "order": 1,
    "everyone": True,
    "actions": ["quarantine"],
    "conditions": {"match": "all", "impersonation": True, "words": ["wire transfer"]},
}


def names(life: Life) -> Brand:
    """What everything is called."""
    return life.demo.place.simulators.cloud.brand


async def receive_mail(life: Life) -> None:
    """Two messages; the harmless one first, so that it has been read when the other one is labelled."""
    harmless = await _deliver(life, "office@market.example", "Delivery note")
    # Gmail drops notifications above one a second.
    life.pass_time(timedelta(seconds=2))
    risky = await _deliver(life, "someone@risky.example", "You have won")
    life.noted |= {"mail": [harmless, risky], "risky": risky}
    logged, label = await operations(life), names(life).gmail_label

    async def labelled() -> bool:
        return await labels_of(life, risky) == [label]

    held = await life.comes(labelled)
    life.seen |= {"label"} if held else set()
    life.check(f"the risky message is labelled “{label}”", held=held)
    life.check("the harmless message is not", held=await labels_of(life, harmless) == [])

    async def read() -> bool:
        return USER in subjects(await operations(life, after=logged[-1]["id"]), "gmail.users.history.list")

    life.check("the mailbox was read by its history, from where it was subscribed to", held=await life.comes(read))
    simulators = life.demo.place.simulators

    async def taken() -> bool:
        with simulators.cloud.lock:
            return not push.pending(simulators.google)

    # They are sent again until they are acknowledged, which one with a wrong signature or audience never is.
    life.check("Gmail's notifications came over HTTP and were taken, every one", held=await life.comes(taken))


async def quarantine_and_release(life: Life) -> None:
    """A policy takes a message out of a mailbox; an operator has it put back, for it was a real colleague's."""
    await life.api("PUT", "/policies/payments", PAYMENTS)
    life.pass_time(timedelta(seconds=2))
    message = await impersonate(life)

    async def taken_out() -> bool:
        return "TRASH" in await _bears(life, message) and (await life.api("GET", "/quarantine"))["waiting"] == 1

    held = await life.comes(taken_out)
    life.check("a message in a colleague's name that asks for money is taken into quarantine", held=held)
    (item,) = (await life.api("GET", "/quarantine?user=agate"))["items"]
    await life.api("POST", f"/quarantine/{item['id']}/release", {})

    async def put_back() -> bool:
        bears = await _bears(life, message)
        return "INBOX" in bears and "TRASH" not in bears

    held = await life.comes(put_back)
    life.check("it was found by its mailbox, released, and lies in the inbox as it did before", held=held)

    async def told() -> bool:
        shown = await life.api("GET", "/quarantine")
        return [one["state"] for one in shown["items"]] == ["released"] and shown["waiting"] == 0

    life.check("nothing waits in quarantine any more, so access can be revoked", held=await life.comes(told))


async def impersonate(life: Life) -> str:
    """A message comes in a colleague's name, from somewhere else."""
    names = {user["primaryEmail"]: user["name"]["fullName"] for user in (await life.state())["users"]}
    letter = EmailMessage()
    letter["From"], letter["Subject"] = f'"{names[life.story.signs_in]}" <at.home@mail.example>', "Today, please"
    letter.set_content("Can you make a wire transfer before noon?")
    raw = base64.urlsafe_b64encode(letter.as_bytes()).decode()
    message = str((await life.control("POST", "mail", to=USER, raw=raw)).json()["ids"][0])
    life.noted["mail"].append(message)
    return message


async def _deliver(life: Life, sender: str, subject: str) -> str:
    answer = await life.control("POST", "mail", **{"to": USER, "from": sender, "subject": subject})
    return str(answer.json()["ids"][0])


async def labels_of(life: Life, message: str) -> list[str]:
    """The names of the user's labels on a message."""
    box = await _mailbox(life)
    names = {one["id"]: str(one["name"]) for one in box["labels"]}
    return [names[key] for key in _labels_in(box, message) if key in names]


async def _bears(life: Life, message: str) -> list[str]:
    """The ids of all labels on a message."""
    return _labels_in(await _mailbox(life), message)


async def _mailbox(life: Life) -> dict[str, Any]:
    state = await life.state()
    owner = next(user["id"] for user in state["users"] if user["primaryEmail"] == USER)
    box: dict[str, Any] = state["mailboxes"][owner]
    return box


def _labels_in(box: Mapping[str, Any], message: str) -> list[str]:
    return list(next(one["labelIds"] for one in box["messages"] if one["id"] == message))


async def operations(life: Life, after: str = "") -> Rows:
    """The log of operations, from behind one of them."""
    found = [json.loads(line) for line in (await life.text("/operations?format=ndjson&limit=10000")).splitlines()]
    return found[1 + [one["id"] for one in found].index(after) :] if after else found


def subjects(operations: Rows, method: str) -> set[str]:
    """In whose mailboxes a method was called."""
    return {one["subject"] for one in operations if one["method"] == method}
