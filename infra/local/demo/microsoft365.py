"""The demo's life of a Microsoft 365 tenant."""

from collections.abc import Mapping
from datetime import timedelta

from infra.local.demo.story import Chapter, Life, Rows, Story, consent

BY_POLICY = frozenset({"rule-incoming-user", "rule-outgoing-user"})


async def granting(life: Life) -> None:
    """Consent, the role that only an administrator can assign, and everything that is made."""
    await consent(life)
    await life.until(lambda c: c["reason"] == "exchange_role_missing")
    life.tell("the administrator assigns the role Exchange Administrator")
    await life.administrator("assign-role")
    await life.api("POST", "/reconcile")
    await life.until(lambda c: c["stage"] == "run" and c["synced_at"] is not None)


async def _marked(life: Life, recipient: str) -> None:
    await life.api("POST", "/marked-messages", {"recipient": recipient})

    async def arrived() -> bool:
        (message,) = (await life.api("GET", "/marked-messages"))["marked_messages"]
        return (message["state"], message["seen"]) == ("arrived", 1)

    held = await life.comes(arrived)
    life.check("a marked message is seen by the scanner once, and comes back", held=held)


async def running(life: Life) -> None:
    """A day of service: a marked message goes the whole way, a policy's target changes, a night passes."""
    listed = await life.control("POST", "graph", method="GET", path="/users?$top=5")
    people = [user for user in listed.json()["value"] if user.get("mail")][:3]
    if life.demo.carries_mail:
        await _marked(life, people[0]["mail"])
    chosen = [user["id"] for user in people]
    policy = {"name": "board", "direction": "both", "users": chosen}
    await life.api("PUT", "/policies/board", policy)

    async def made() -> bool:
        marks = {row["key"]: row["state"] for row in await life.rows()}
        return all(marks[key] == "present" for key in BY_POLICY)

    held = await life.comes(made)
    life.check(f"a policy for {len(chosen)} users fills the groups and makes the user rules", held=held)
    synced = (await life.until(lambda c: c["status"] == "healthy"))["synced_at"]
    life.pass_time(timedelta(hours=25))
    now = await life.until(lambda c: c["synced_at"] > synced and c["status"] == "healthy")
    directory = now["directory"]
    text = f"the night's synchronisation ran: {directory['users']} users, {directory['groups']} groups"
    life.check(text, held=directory["users"] > 0)


async def revoking(life: Life) -> None:
    """Access is revoked, and mail stops being routed at once."""
    await life.api("POST", "/revoke", {"acknowledge_quarantine": True})
    await life.until(lambda c: c["stage"] == "revoke" and c["reason"] == "waiting_for_time")
    routed = life.demo.place.simulators.cloud.brand.rule_incoming_domain in await life.snapshot()
    life.check("mail is routed as before; connectors and groups wait", held=not routed)
    life.pass_time(timedelta(minutes=61))
    await life.until(lambda c: c["stage"] == "cleanup")


async def cleaning(life: Life) -> None:
    """A day later the rest goes, and the application last, by the administrator."""
    life.pass_time(timedelta(hours=24))
    await life.until(lambda c: c["reason"] == "waiting_for_administrator")
    left = [entry["key"] for entry in (await life.certificate())["residue"]]
    life.check(
        f"the certificate's residue is the {' and the '.join(left)} alone",
        held=sorted(left) == ["application", "deleted-groups", "exchange-role", "group-incoming", "group-outgoing"],
    )
    life.tell("the administrator deletes the groups in the recycle bin for good")
    await life.administrator("delete-groups-for-good")
    await life.api("POST", "/steps/deleted-groups")
    await life.until(lambda c: "recycle bin" not in c["sentence"])
    life.tell("the administrator removes the application")
    await life.administrator("remove-application")
    await life.api("POST", "/steps/application")
    await life.until(lambda c: c["stage"] == "closed")
    after = await life.snapshot()
    life.check(f"the tenant is byte for byte what it was ({len(life.before)} bytes)", held=life.before == after)


def agree(rows: Rows, snapshot: str) -> Mapping[str, bool]:
    """Whether the tenant has exactly the rules and connectors that are said to be there."""
    named = [row for row in rows if row["key"].startswith(("rule-", "inbound-", "outbound-"))]
    return {row["title"]: (row["state"] != "absent") == (f'"{row["title"]}"' in snapshot) for row in named}


STORY = Story(
    domain="contoso.com",
    connection={"platform": "microsoft365", "site": "in", "name": "Contoso"},
    signs_in="Contoso",
    chapters=(
        Chapter(stage="grant", title="Granting access", happens=granting),
        Chapter(stage="run", title="Service running", happens=running),
        Chapter(stage="revoke", title="Revoking access", happens=revoking),
        Chapter(stage="cleanup", title="Clean-up", happens=cleaning),
    ),
    agree=agree,
    later=BY_POLICY,
)
