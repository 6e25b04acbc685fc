"""Every call that we send to Google's APIs fits the discovery documents that Google's own client brings along."""

import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.local.simulators.google import application
from infra.local.simulators.wire import Call
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.flows import quarantine
from shared.foundation.platform_settings import Google
from shared.platforms.google_workspace.group import address_of
from shared.platforms.google_workspace.methods import METHODS
from shared.protection import policies, quarantine_search
from shared.protection.policies import Policy
from shared.web.views import books as views
from tests.harness import workspace as google
from tests.harness.world import ORCHARD, World

ROOT = Path(__file__).parents[3]
# Where the calls that come to a simulated host would go without it.
REAL = Google()
HOSTS = {
    "admin": REAL.admin_url,
    "gmail": REAL.gmail_url,
    "cloudidentity": REAL.cloudidentity_url,
    "appsmarket": REAL.appsmarket_url,
    "www": REAL.groupssettings_url,
    "iam": REAL.iam_url,
}
READ = "agate.plum@orchard.example"
SIGN = "iamcredentials.projects.serviceAccounts.signBlob"

DIRECTORY, MAIL = "/admin/directory/v1", "/gmail/v1/users/me"
ACTIVITIES = "/admin/reports/v1/activity/users/all/applications"
GROUP_SETTINGS = "/groups/v1/groups/a@b.example"
MOVED = f"{DIRECTORY}/customer/C1/devices/chromeos/moveDevicesToOu"
Sent = tuple[str, str, str, str, Any]
WRONG: dict[str, Sent] = {
    "GET /admin/directory/v1/people means no method": ("admin", "GET", f"{DIRECTORY}/people", "", None),
    "POST /admin/directory/v1/users/1 means no method": ("admin", "POST", f"{DIRECTORY}/users/1", "", None),
    "gmail.googleapis.com GET": ("gmail", "GET", f"{DIRECTORY}/users", "", None),
    "there is no parameter top": ("admin", "GET", f"{DIRECTORY}/users", "top=1", None),
    "customer does not repeat": ("admin", "GET", f"{DIRECTORY}/users", "customer=a&customer=b", None),
    "maxResults is not between 1 and 500: 501": ("admin", "GET", f"{DIRECTORY}/users", "maxResults=501", None),
    "maxResults is no whole number: many": ("admin", "GET", f"{DIRECTORY}/users", "maxResults=many", None),
    "orderBy cannot be age": ("admin", "GET", f"{DIRECTORY}/users", "orderBy=age", None),
    "DerivedMembership is no boolean: True": (
        "admin",
        "GET",
        f"{DIRECTORY}/groups/1/members",
        "includeDerivedMembership=True",
        None,
    ),
    "several values at once: From,To": ("gmail", "GET", f"{MAIL}/messages/1", "metadataHeaders=From%2CTo", None),
    "historyTypes cannot be added": ("gmail", "GET", f"{MAIL}/history", "historyTypes=added", None),
    "startHistoryId is no whole number: new": ("gmail", "GET", f"{MAIL}/history", "startHistoryId=new", None),
    "startTime does not have the form": ("admin", "GET", f"{ACTIVITIES}/admin", "startTime=yesterday", None),
    "applicationName cannot be console": ("admin", "GET", f"{ACTIVITIES}/console", "", None),
    "orgUnitPath is required": ("admin", "POST", MOVED, "", {"deviceIds": ["1"]}),
    "fields names nickname": ("admin", "GET", f"{DIRECTORY}/users", "fields=users(id,nickname),etag", None),
    "fields names givenName": ("admin", "GET", f"{DIRECTORY}/users", "fields=users(name/fullName,givenName)", None),
    "fields cannot be read: users(id": ("admin", "GET", f"{DIRECTORY}/users", "fields=users(id", None),
    "it takes no body": ("admin", "GET", f"{DIRECTORY}/users", "", {}),
    "email is required": ("admin", "POST", f"{DIRECTORY}/groups", "", {"name": "A group"}),
    "the body has no field mail": ("admin", "PATCH", f"{DIRECTORY}/groups/1", "", {"mail": "a@b.example"}),
    "id is for output only": ("admin", "PATCH", f"{DIRECTORY}/groups/1", "", {"id": "1"}),
    "name is no string: 1": ("admin", "PATCH", f"{DIRECTORY}/groups/1", "", {"name": 1}),
    "labelListVisibility cannot be yes": ("gmail", "PATCH", f"{MAIL}/labels/1", "", {"labelListVisibility": "yes"}),
    "backgroundColor is no string: 0": ("gmail", "PATCH", f"{MAIL}/labels/1", "", {"color": {"backgroundColor": 0}}),
    "addLabelIds[0] is no string: None": ("gmail", "POST", f"{MAIL}/messages/1/modify", "", {"addLabelIds": [None]}),
    "payload is not base64": ("iam", "POST", "/v1/projects/-/serviceAccounts/a@b:signBlob", "", {"payload": "?"}),
    "allowExternalMembers is no string": ("www", "PATCH", GROUP_SETTINGS, "alt=json", {"allowExternalMembers": False}),
}
RIGHT: dict[str, Sent] = {
    "directory.users.list": (
        "admin",
        "GET",
        f"{DIRECTORY}/users",
        "customer=C1&maxResults=500&fields=nextPageToken,users(id,name/fullName)",
        None,
    ),
    "directory.members.insert": ("admin", "POST", f"{DIRECTORY}/groups/1/members", "", {"id": "1", "role": "MEMBER"}),
    "gmail.users.messages.get": (
        "gmail",
        "GET",
        f"{MAIL}/messages/1",
        "format=metadata&metadataHeaders=From&metadataHeaders=Subject",
        None,
    ),
    "groupsSettings.groups.patch": ("www", "PATCH", GROUP_SETTINGS, "alt=json", {"allowExternalMembers": "false"}),
    "iamcredentials.projects.serviceAccounts.signBlob": (
        "iam",
        "POST",
        "/v1/projects/-/serviceAccounts/a@b:signBlob",
        "",
        {"payload": "YQ=="},
    ),
}


async def test_every_call_of_a_whole_life_fits_googles_own_documents(world: World) -> None:
    connection = await _life(world)
    assert connection.stage is Stage.CLOSED
    told = walked(_of_google(world.sims.cloud.calls))
    assert told["wrong"] == []
    assert told["checked"] > 500
    assert set(told["methods"]) == set(METHODS)


async def test_what_the_signer_is_asked_fits_them_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(world.sims.runtime_key))
    account = {
        "service_account": application.SERVICE_ACCOUNT,
        "service_account_client": application.SERVICE_CLIENT_ID,
    }
    keyless = await world.again(google=account)
    try:
        world.admin("install-app", ORCHARD)
        await google.consent(keyless, await google.create(keyless, modes=["api"]))
        await keyless.work()
    finally:
        await keyless.close()
    told = walked(_of_google(world.sims.cloud.calls))
    assert told["wrong"] == []
    assert SIGN in told["methods"]


def test_what_does_not_fit_is_found() -> None:
    wrong = walked(_sent(*one) for one in WRONG.values())["wrong"]
    for sentence in WRONG:
        assert [one for one in wrong if sentence in one], sentence
    assert len(wrong) == len(WRONG)


def test_what_fits_is_let_pass() -> None:
    told = walked(_sent(*one) for one in RIGHT.values())
    assert told == {"checked": len(RIGHT), "methods": sorted(RIGHT), "wrong": []}


async def _life(world: World) -> Connection:
    """A life in which everything happens that makes us call Google."""
    # One answer to a membership is lost, and the repetition finds the member there.
    world.behave(ORCHARD, member_conflict="condition")
    members = {"host": "admin", "method": "POST", "path": f"{DIRECTORY}/groups/[^/]+/members"}
    world.fault(members, {"kind": "drop_after"})
    connection = await google.connect(world, repair_drift=True)
    await _read(world)
    await _quarantine(world, connection)
    # What was made is changed, and somebody disappears.
    group = address_of(connection, ORCHARD)
    _change(world, "PATCH", f"/groups/{group}", {"name": "Renamed"})
    _change(world, "PATCH", f"/groups/v1/groups/{group}", {"whoCanJoin": "ANYONE_CAN_JOIN"})
    _change(world, "DELETE", "/groups/former@orchard.example")
    world.admin("delete-user", ORCHARD, user="beryl.plum@orchard.example")
    await world.pass_time(timedelta(days=1))
    await world.tick()
    assert await views.matched(world.app, connection, timedelta(days=2))
    return await google.leave(world, await world.connection(connection.id))


def _change(world: World, method: str, path: str, body: Any = None) -> None:
    where = f"/tenants/{world.tenant_id(ORCHARD)}/directory"
    world.control("POST", where, method=method, path=path, body=body)


async def _read(world: World) -> None:
    """Mail comes, its label vanishes, and in the end Gmail has forgotten where we were."""
    await _mail(world)
    (label,) = google.mailbox(world, READ).labels.values()
    world.admin("delete-label", ORCHARD, user=READ, name=label["name"])
    # More than one page of history.
    await _mail(world, count=101)
    assert google.mailbox(world, READ).labels
    world.control("POST", "/forget-history", tenant=ORCHARD, user=READ)
    await _mail(world)


async def _quarantine(world: World, connection: Connection) -> None:
    """A message is taken out, and put back."""
    policy = Policy(name="out", everyone=True, conditions={"senders": ["thief.example"]}, actions=["quarantine"])
    async with world.app.database.write() as write:
        await policies.put(write, connection.id, policy)
    world.clock.move(timedelta(minutes=1))
    (message,) = google.mail(world, READ, sender="someone@thief.example")
    await google.deliver_all(world)
    await world.pass_time(timedelta(minutes=10))
    labels = google.mailbox(world, READ).messages[message]["labelIds"]
    assert "TRASH" in labels
    box = await world.app.seal.box(connection.id)
    (waiting,), _ = await quarantine_search.page(world.app.database, box, connection.id, {}, before=None, most=10)
    await quarantine.release(world.app, await world.connection(connection.id), waiting.id, "operator@msp.example")
    await world.work()
    assert "TRASH" not in google.mailbox(world, READ).messages[message]["labelIds"]


async def _mail(world: World, count: int = 1) -> None:
    # Of pushes that follow each other within a second, Gmail drops the later ones.
    world.clock.move(timedelta(minutes=1))
    google.mail(world, READ, count=count)
    await google.deliver_all(world)
    await world.pass_time(timedelta(minutes=10))


def _of_google(calls: Iterable[Call]) -> list[dict[str, str]]:
    """What was sent to Google's APIs. The keys that are fetched beside them are no method of any."""
    return [
        {
            "host": _host(call.host),
            "method": call.method,
            "path": call.path,
            "query": call.query,
            "body": call.body.decode(),
        }
        for call in calls
        if call.host in HOSTS and call.path != urlsplit(REAL.certs_url).path
    ]


def _sent(host: str, method: str, path: str, query: str, body: Any) -> dict[str, str]:
    text = "" if body is None else json.dumps(body)
    return {"host": _host(host), "method": method, "path": path, "query": query, "body": text}


def _host(name: str) -> str:
    return urlsplit(str(HOSTS[name])).netloc


def walked(calls: Iterable[dict[str, str]]) -> dict[str, Any]:
    """What Google's documents say of some calls."""
    ended = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, str(ROOT / "tests" / "sdk" / "discovery_walk.py")],
        input="\n".join(map(json.dumps, calls)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told
