"""Drives the simulators with Google's own clients and prints what it saw, as one line of JSON.

Runs in a process of its own and imports nothing of the project. Its settings come from the environment.
"""

from __future__ import annotations

import html
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httplib2
import requests
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import id_token, service_account
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from jwt import PyJWTError

AUTH = "https://www.googleapis.com/auth/"
DIRECTORY = ("admin.directory.user.readonly", "admin.directory.group", "admin.directory.domain.readonly")
REDIRECT = "http://localhost:8080/api/consent/google"
CUSTOMER = os.environ["PROBE_CUSTOMER"]
DOMAIN = os.environ["PROBE_DOMAIN"]
ADMIN = f"admin@{DOMAIN}"
GROUP = f"made-by-the-sdk@{DOMAIN}"
CLAIMS = ("iss", "aud", "azp", "hd", "email", "email_verified", "nonce")


def setting(name: str) -> str:
    return os.environ[f"FOOTPRINT_GOOGLE__{name}"]


def session() -> requests.Session:
    """Return a session that goes nowhere but where it is told to."""
    made = requests.Session()
    made.trust_env = False
    return made


def as_account(subject: str | None, *scopes: str) -> Any:
    """Return the service account's credentials, in somebody's name or for itself."""
    info = json.loads(Path(setting("SERVICE_ACCOUNT")).read_text())
    chosen = [f"{AUTH}{scope}" for scope in scopes]
    return service_account.Credentials.from_service_account_info(info, scopes=chosen, subject=subject)


def service(name: str, version: str, address: str, credentials: Any) -> Any:
    """Return Google's own client of an API, aimed at the simulator."""
    http = AuthorizedHttp(credentials, http=httplib2.Http(proxy_info=None, timeout=30))
    return build(name, version, http=http, static_discovery=True, client_options={"api_endpoint": address})


def pages(resource: Any, request: Any, after: Callable[[Any, Any], Any]) -> Iterator[dict[str, Any]]:
    """Follow a listing to its end, as its client does."""
    while request is not None:
        answer = request.execute()
        yield answer
        request = after(request, answer)


def refused(request: Any) -> list[Any]:
    """Return with what a request is refused: the status, the reason, and the message."""
    try:
        request.execute()
    except HttpError as error:
        return [error.status_code, error.error_details[0]["reason"], error.reason]
    return []


def directory() -> dict[str, Any]:
    admin = service("admin", "directory_v1", setting("ADMIN_URL"), as_account(ADMIN, *DIRECTORY))
    users, groups, members = admin.users(), admin.groups(), admin.members()
    listed = [*pages(users, users.list(customer="my_customer", maxResults=25, orderBy="email"), users.list_next)]
    made = groups.insert(body={"email": GROUP, "name": "Made by the SDK", "description": "a probe"}).execute()
    found = groups.get(groupKey=made["id"]).execute()
    who = listed[0]["users"][0]
    added = members.insert(groupKey=made["id"], body={"id": who["id"], "role": "MEMBER"}).execute()
    again = refused(members.insert(groupKey=made["id"], body={"id": who["id"], "role": "MEMBER"}))
    inside = members.list(groupKey=made["id"], maxResults=200).execute()
    gone = members.delete(groupKey=made["id"], memberKey=who["id"]).execute()
    domains = admin.domains().list(customer=CUSTOMER).execute()["domains"]
    return {
        "sizes": [len(page["users"]) for page in listed],
        "users": [user["primaryEmail"] for page in listed for user in page["users"]],
        "suspended": sum(user["suspended"] for page in listed for user in page["users"]),
        "group": [made["id"] == found["id"], found["email"], found["name"], found["directMembersCount"]],
        "added": [added["id"] == who["id"], added["email"], added["type"], added["status"]],
        "twice": again,
        "inside": [one["email"] for one in inside["members"]],
        "gone": gone,
        "after": members.list(groupKey=made["id"]).execute().get("members", []),
        "domains": {one["domainName"]: [one["isPrimary"], one["verified"]] for one in domains},
        "aliases": [alias["domainAliasName"] for one in domains for alias in one.get("domainAliases", [])],
        "settings": groups_settings(),
        "deleted": groups.delete(groupKey=made["id"]).execute(),
        "afterwards": refused(groups.get(groupKey=made["id"])),
    }


def groups_settings() -> dict[str, Any]:
    """Look at the settings of the new group, and close it. This client asks for JSON by itself."""
    address = f"{setting('GROUPSSETTINGS_URL')}/groups/v1/groups/"
    groups = service("groupssettings", "v1", address, as_account(ADMIN, "apps.groups.settings")).groups()
    before = groups.get(groupUniqueId=GROUP).execute()
    closed = {"whoCanJoin": "INVITED_CAN_JOIN", "includeInGlobalAddressList": "false"}
    groups.patch(groupUniqueId=GROUP, body=closed).execute()
    after = groups.get(groupUniqueId=GROUP).execute()
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    return {"email": before["email"], "name": before["name"], "joined": before["whoCanJoin"], "changed": changed}


def mail() -> dict[str, Any]:
    """Read the mailbox with six messages, and label one in it."""
    owner = f"agate.laurel@{DOMAIN}"
    box = service("gmail", "v1", setting("GMAIL_URL"), as_account(owner, "gmail.modify")).users()
    labels, messages, history = box.labels(), box.messages(), box.history()
    before = [one["name"] for one in labels.list(userId="me").execute()["labels"] if one["type"] == "user"]
    shown = {"labelListVisibility": "labelShow", "messageListVisibility": "show"}
    made = labels.create(userId="me", body={"name": "Probed", **shown}).execute()
    taken = refused(labels.create(userId="me", body={"name": "PROBED", **shown}))
    listed = [*pages(messages, messages.list(userId="me", labelIds=["INBOX"], maxResults=4), messages.list_next)]
    ids = [one["id"] for page in listed for one in page["messages"]]
    headers = ["From", "Subject"]
    first = messages.get(userId="me", id=ids[-1], format="metadata", metadataHeaders=headers).execute()
    watched = box.watch(
        userId="me", body={"topicName": setting("TOPIC"), "labelIds": ["INBOX"], "labelFilterBehavior": "include"}
    ).execute()
    messages.modify(userId="me", id=ids[0], body={"addLabelIds": [made["id"]]}).execute()
    asked = {"startHistoryId": watched["historyId"], "historyTypes": ["labelAdded"]}
    records = [
        record
        for page in pages(history, history.list(userId="me", **asked), history.list_next)
        for record in page.get("history", [])
        if "labelsAdded" in record
    ]
    profile = box.getProfile(userId="me").execute()
    return {
        "labels": before,
        "made": [made["name"], made["type"]],
        "taken": taken,
        "sizes": [len(page["messages"]) for page in listed],
        "different": len(set(ids)),
        "headers": {one["name"]: one["value"] for one in first["payload"]["headers"]},
        "days": round((int(watched["expiration"]) / 1000 - float(os.environ["PROBE_NOW"])) / 86_400),
        "labelled": [
            [one["message"]["id"] == ids[0], one["labelIds"] == [made["id"]]]
            for record in records
            for one in record["labelsAdded"]
        ],
        "moved": int(profile["historyId"]) > int(watched["historyId"]),
        "profile": [profile["emailAddress"], profile["messagesTotal"]],
        "stopped": box.stop(userId="me").execute(),
        "stranger": refused(box.labels().list(userId=ADMIN)),
        "forgotten": refused(history.list(userId="me", startHistoryId="1")),
    }


def settings_and_logs() -> dict[str, Any]:
    scope = "cloud-identity.policies.readonly"
    policies = service("cloudidentity", "v1", setting("CLOUDIDENTITY_URL"), as_account(ADMIN, scope)).policies()
    request = policies.list(filter=f'customer == "customers/{CUSTOMER}"', pageSize=6)
    listed = [page.get("policies", []) for page in pages(policies, request, policies.list_next)]
    logs = service("admin", "reports_v1", setting("ADMIN_URL"), as_account(ADMIN, "admin.reports.audit.readonly"))
    activities = logs.activities()
    made = activities.list(userKey="all", applicationName="admin", eventName="CREATE_GROUP").execute()["items"]
    tokens = activities.list(userKey="all", applicationName="token", eventName="activity", maxResults=10)
    called = [
        parameter["value"]
        for page in pages(activities, tokens, activities.list_next)
        for item in page.get("items", [])
        for event in item["events"]
        for parameter in event["parameters"]
        if parameter["name"] == "method_name"
    ]
    return {
        "policies": [len(page) for page in listed],
        "types": sorted(one["setting"]["type"] for page in listed for one in page),
        "created": [[one["actor"]["email"], one["events"][0]["parameters"][0]["value"]] for one in made],
        "called": {name: called.count(name) for name in sorted(set(called))},
        "licences": licences(),
    }


def licences() -> list[Any]:
    """Ask with the service account itself, which acts for nobody here."""
    account = as_account(None, "appsmarketplace.license")
    licence = service("appsmarket", "v2", setting("APPSMARKET_URL"), account).customerLicense()
    application = setting("MARKETPLACE_APP")
    found = [licence.get(applicationId=application, customerId=one).execute() for one in (DOMAIN, "harbour.example")]
    return [[one["customerId"], one["state"]] for one in found]


def consent(browser: requests.Session) -> dict[str, Any]:
    """Agree on the page as an administrator does, and return the tokens that the code is exchanged for."""
    asked = {
        "client_id": setting("CLIENT_ID"),
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": f"openid email {AUTH}admin.directory.user.readonly",
        "state": "the state",
        "nonce": "the nonce",
        "access_type": "offline",
        "prompt": "consent",
    }
    page = browser.get(f"{setting('ACCOUNTS_URL')}/o/oauth2/v2/auth", params=asked, timeout=30)
    fields = [*re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)]
    fields += [("scope", one) for one in re.findall(r'type="checkbox" name="scope" value="([^"]+)"', page.text)]
    form = [(name, html.unescape(value)) for name, value in fields]
    action = re.search(r'action="([^"]+)"', page.text)
    decided = browser.post(
        urljoin(page.url, action[1] if action else ""),
        data=[*form, ("user", ADMIN), ("decision", "accept")],
        allow_redirects=False,
        timeout=30,
    )
    back = {name: value[0] for name, value in parse_qs(urlsplit(decided.headers["location"]).query).items()}
    exchanged = browser.post(
        f"{setting('TOKEN_URL')}/token",
        data={
            "grant_type": "authorization_code",
            "code": back["code"],
            "redirect_uri": REDIRECT,
            "client_id": setting("CLIENT_ID"),
            "client_secret": setting("CLIENT_SECRET"),
        },
        timeout=30,
    )
    return {"state": back["state"], **exchanged.json()}


def verified(token: str, transport: Request, audience: str, certs: str) -> Any:
    """Return what a token says once it is verified, or the kind of error."""
    try:
        return id_token.verify_token(token, transport, audience, certs_url=certs)
    except (GoogleAuthError, PyJWTError) as error:  # with a key set another library does it, with errors of its own
        return type(error).__name__


def person() -> dict[str, Any]:
    browser = session()
    transport = Request(session=browser)
    given = consent(browser)
    person = Credentials(
        None,
        refresh_token=given["refresh_token"],
        token_uri=f"{setting('TOKEN_URL')}/token",
        client_id=setting("CLIENT_ID"),
        client_secret=setting("CLIENT_SECRET"),
    )
    person.refresh(transport)
    users = service("admin", "directory_v1", setting("ADMIN_URL"), person).users()
    me = users.get(userKey=ADMIN).execute()
    base = setting("CERTS_URL").removesuffix("/v3/certs")
    certs = {"jwks": f"{base}/v3/certs", "pem": f"{base}/v1/certs"}
    client = setting("CLIENT_ID")
    claims = {name: verified(given["id_token"], transport, client, url) for name, url in certs.items()}
    strangers = {name: verified(given["id_token"], transport, "somebody else", url) for name, url in certs.items()}
    seen = {
        "state": given["state"],
        "scope": given["scope"].split(),
        "new": person.token != given["access_token"],
        "kept": person.refresh_token == given["refresh_token"],
        "me": [me["primaryEmail"], me["isAdmin"], me["customerId"]],
        "sub": [one["sub"] == me["id"] for one in claims.values()],
        "claims": {name: {key: one.get(key) for key in CLAIMS} for name, one in claims.items()},
        "strangers": strangers,
    }
    ended = browser.post(f"{setting('TOKEN_URL')}/revoke", data={"token": given["refresh_token"]}, timeout=30)
    seen["revoked"] = ended.status_code
    try:
        person.refresh(transport)
    except RefreshError as error:
        seen["afterwards"] = error.args[1]
    return seen


def main() -> None:
    seen = {"directory": directory(), "mail": mail(), "settings": settings_and_logs(), "person": person()}
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
