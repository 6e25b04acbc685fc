"""The demo's life of a Google Workspace customer, in both modes: mailboxes read by API, and mail routed."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from infra.local.demo.mail import (
    RISKY,
    USER,
    labels_of,
    names,
    operations,
    quarantine_and_release,
    receive_mail,
    subjects,
)
from infra.local.demo.report import weekly_report
from infra.local.demo.story import Chapter, Life, Rows, Story, consent

OURS = "Managed by "


async def granting(life: Life) -> None:
    """Consent comes before the application is installed, so the connection waits to be let in."""
    await consent(life)
    await life.until(lambda c: c["reason"] == "delegation_not_effective")
    life.tell("the administrator installs the application for everyone")
    await life.administrator("install-app")
    await life.api("POST", "/reconcile")
    now = await life.until(lambda c: c["synced_at"] is not None and c["reason"] == "waiting_for_administrator")
    users, groups = now["directory"]["users"], now["directory"]["groups"]
    life.check(f"the copy of the directory: {users} users and {groups} groups", held=(users, groups) == (60, 8))


async def running(life: Life) -> None:
    """Mail is routed by the administrator, mail comes in, a night passes, and the log of calls is as Google's own."""
    await _route_mail(life)
    await receive_mail(life)
    await quarantine_and_release(life)
    logged = await operations(life)
    watched = subjects(logged, "gmail.users.watch")
    synced = (await life.api("GET"))["synced_at"]
    life.pass_time(timedelta(hours=25))
    await life.until(lambda c: c["synced_at"] > synced and c["status"] == "healthy")

    async def done() -> bool:
        new, marks = await operations(life, after=logged[-1]["id"]), await _marks(life)
        same = all(subjects(new, f"gmail.users.{name}") == watched for name in ("watch", "history.list"))
        return same and marks["watches"] == "present"

    held = await life.comes(done)
    text = (
        f"the night's synchronisation ran: {len(watched)} subscriptions are renewed, and each mailbox is read once more"
    )
    life.check(text, held=held and bool(watched))
    await weekly_report(life)
    await _compare_logs(life)


async def _route_mail(life: Life) -> None:
    """The administrator does what the console says, with exactly the values that it shows."""
    values = await _asked(life)
    life.check(f"asked of the administrator: {', '.join(values)}", held=list(values) == ["route", "gateway", "rule"])
    life.noted["route"] = values["route"]["Name"]
    await life.administrator("add-route", name=values["route"]["Name"], host=values["route"]["Single host"])
    await life.administrator("add-gateway", ips=values["gateway"]["Gateway IPs"].split(", "))
    await life.administrator("add-rule", name=values["rule"]["Name"])
    life.tell("the administrator sets them up with the values shown, and nothing is attested")
    await life.api("POST", "/reconcile")
    await life.until(lambda c: c["status"] == "healthy")
    life.check("all three were seen to be there", held=not await _asked(life))


async def _compare_logs(life: Life) -> None:
    """A run writes its calls together, so what is under way is in Google's log a moment before it is in ours."""
    gmail: list[dict[str, Any]] = []

    async def same() -> bool:
        matched = (await life.api("GET", "/operations/matched?hours=48"))["methods"]
        gmail[:] = [one for one in matched if one["method"].startswith("gmail.")]
        return bool(gmail) and all(one["ours"] == one["theirs"] for one in gmail)

    held = await life.comes(same)
    life.seen |= {"operations"} if held else set()
    methods = ", ".join(f"{one['method'].removeprefix('gmail.users.')} {one['theirs']}" for one in gmail)
    life.check(f"the log of operations has every call of Gmail that Google's own log has: {methods}", held=held)


async def revoking(life: Life) -> None:
    """Access is revoked: no mailbox is read, the group is emptied, what is stored goes, all at once."""
    await life.api("POST", "/revoke", {})
    now = await life.until(lambda c: c["stage"] == "cleanup")
    state = await life.state()
    groups = [group for group in state["groups"] if group["description"].startswith(OURS)]
    emptied = len(groups) == 1 and groups[0]["members"] == []
    life.check("the group is emptied, so mail is delivered as before; the group itself stays", held=emptied)
    watched = [key for key, box in state["mailboxes"].items() if box["watch"]]
    life.check("no mailbox is subscribed to any more", held=not watched)
    policies = (await life.api("GET", "/policies"))["policies"]
    kept = {kind: number for kind, number in now["directory"].items() if number}
    marks = await _marks(life)
    gone = not kept and not policies and marks["tokens"] == "absent" and not state["grants"]
    life.check("stored users, groups, policies and tokens are gone, and the administrator's grant", held=gone)


async def cleaning(life: Life) -> None:
    """The administrator takes down what they had set up, each thing when it is asked for."""
    await _take_down(life, ["rule"], "delete-rule")
    await _until_seen_again(life, names(life).gmail_rule, timedelta(minutes=6))
    await life.until(lambda c: c["reason"] == "waiting_for_administrator" and "route" in c["sentence"])
    offered = [row["key"] for row in await life.rows() if row.get("offered")]
    life.check("the group, which stays as published, is offered to be removed", held=offered == ["group"])
    await life.api("POST", "/steps/group")
    await _take_down(life, ["route"], "remove-route", name=life.noted["route"])
    await life.until(lambda c: c["reason"] == "waiting_for_time")
    life.pass_time(timedelta(hours=24))
    await _take_down(life, ["gateway"], "remove-gateway")
    await _take_down(life, ["application", "delegation"], "uninstall-app")
    await _until_seen_again(life, "Domain-wide delegation", timedelta(minutes=61))
    await life.until(lambda c: c["stage"] == "closed")
    await _compare_states(life)


async def _take_down(life: Life, wanted: list[str], action: str, **more: Any) -> None:
    """One thing is asked for, and no other; the administrator removes it and says so."""

    async def asked() -> bool:
        return sorted(await _asked(life)) == sorted(wanted)

    life.check(f"asked of the administrator: remove the {' and the '.join(wanted)}", held=await life.comes(asked))
    await life.administrator(action, **more)
    await life.api("POST", f"/steps/{wanted[0]}")


async def _until_seen_again(life: Life, title: str, after: timedelta) -> None:
    """Once unseen is no proof: it is looked for a second time, some time later, before it is believed to be gone."""
    await life.until(lambda c: c["reason"] == "waiting_for_time" and title in c["sentence"])
    life.pass_time(after)


async def _compare_states(life: Life) -> None:
    """The label stays, as published, until the mailbox's owner deletes it; nothing else is left."""
    held = await labels_of(life, life.noted["risky"]) == [names(life).gmail_label]
    life.check("the label and its mark on the risky message stay, as published", held=held)
    await life.administrator("delete-label", user=USER, name=names(life).gmail_label)
    state = await life.state()
    for box in state["mailboxes"].values():
        box["messages"] = [one for one in box["messages"] if one["id"] not in life.noted["mail"]]
    after = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    text = (
        f"once its owner has deleted the label, and without the messages that came meanwhile, "
        f"the customer is byte for byte what it was ({len(life.before)} bytes)"
    )
    life.check(text, held=after == life.before)


async def _asked(life: Life) -> dict[str, dict[str, str]]:
    """What the administrator is asked for now, each with the values to type."""
    rows = [row for row in await life.rows() if row.get("asked")]
    return {row["key"]: {one["label"]: one["value"] for one in row["asked"]["values"]} for row in rows}


async def _marks(life: Life) -> dict[str, str]:
    return {row["key"]: row["state"] for row in await life.rows()}


def agree(rows: Rows, snapshot: str) -> Mapping[str, bool]:
    """Whether the customer has exactly those of our objects, and of its administrator's for us, that we say it has."""
    state = json.loads(snapshot)
    rules = [
        rule["description"]
        for policy in state["policies"]
        for rule in policy["setting"]["value"].get("contentComplianceRules", [])
    ]
    (ours,) = (row["title"] for row in rows if row["key"] == "rule")
    there = {
        "grant": bool(state["grants"]),
        "group": any(group["description"].startswith(OURS) for group in state["groups"]),
        "application": bool(state["installs"]),
        "delegation": bool(state["delegations"]),
        "route": bool(state["routes"]),
        "gateway": state["gateway"] is not None,
        "rule": ours in rules,
        "watches": any(box["watch"] for box in state["mailboxes"].values()),
    }
    said = {row["key"]: _there(row) for row in rows}
    return {key: said[key] == found for key, found in there.items()}


def _there(row: Mapping[str, Any]) -> bool:
    """Whether we say that it is there: what is asked for is not yet, what is asked to be removed still is."""
    if row.get("asked"):
        return bool(row["asked"]["removal"])
    return bool(row["state"] != "absent")


STORY = Story(
    domain="orchard.example",
    connection={
        "platform": "google",
        "site": "in",
        "name": "Orchard",
        "policies": [{"name": "everyone", "everyone": True}, RISKY],
    },
    signs_in="admin@orchard.example",
    chapters=(
        Chapter(stage="grant", title="Granting access", happens=granting),
        Chapter(stage="run", title="Service running", happens=running),
        Chapter(stage="revoke", title="Revoking access", happens=revoking),
        Chapter(stage="cleanup", title="Clean-up", happens=cleaning),
    ),
    agree=agree,
)
