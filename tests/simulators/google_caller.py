"""A client for the tests: plain HTTP against Google's simulated hosts, in one customer's matters."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt

from infra.local.simulators import Simulators
from infra.local.simulators.google import application
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.sign_in.assertions import AUDIENCE

PREFIX = "https://www.googleapis.com/auth/"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REDIRECT = "http://localhost:8080/api/consent/google"
CLOUD_PLATFORM = f"{PREFIX}cloud-platform"
NEW_GROUP = {"email": "virtual@orchard.example", "name": "TMCAS Inline Incoming Gmail Virtual Group"}
LICENCE = f"{PREFIX}appsmarketplace.license"


class GoogleCaller:
    """Asks Google's hosts as the service does: under delegation, for itself, or with an administrator's grant."""

    def __init__(self, sims: Simulators, client: httpx.Client, tenant: str) -> None:
        self.sims = sims
        self.client = client
        self.tenant = tenant
        self.service_client_id = application.SERVICE_CLIENT_ID
        self.domain = self.customer_state().domain
        self.admin_address = f"admin@{self.domain}"
        self.tokens: dict[Any, str] = {}

    def url(self, name: str) -> str:
        return self.sims.settings[f"FOOTPRINT_GOOGLE__{name}"]

    @property
    def oauth_url(self) -> str:
        return self.url("TOKEN_URL")

    @property
    def token_uri(self) -> str:
        return f"{self.oauth_url}/token"

    def key(self, *, runtime: bool = False) -> dict[str, str]:
        """Return what stands in a key file."""
        path = self.sims.runtime_key if runtime else Path(self.url("SERVICE_ACCOUNT"))
        return dict(json.loads(path.read_text()))

    def assertion(
        self, subject: str | None, scopes: Iterable[str], key: dict[str, str] | None = None, **more: Any
    ) -> str:
        key = key or self.key()
        now = int(time.time())
        claims = {"iss": key["client_email"], "aud": AUDIENCE, "scope": " ".join(scopes), "iat": now, "exp": now + 3600}
        if subject is not None:
            claims["sub"] = subject
        claims = {name: value for name, value in (claims | more).items() if value is not None}
        return jwt.encode(claims, key["private_key"], algorithm="RS256", headers={"kid": key["private_key_id"]})

    def ask_token(self, **form: str) -> httpx.Response:
        return self.client.post(self.token_uri, data=form)

    def delegated(self, subject: str | None, scopes: Iterable[str] = (), **claims: Any) -> httpx.Response:
        """Ask for a token under delegation, or without a subject for the service account itself."""
        chosen = list(scopes) or [f"{PREFIX}gmail.modify"]
        return self.ask_token(grant_type=JWT_BEARER, assertion=self.assertion(subject, chosen, **claims))

    def token(self, subject: str | None, scopes: Iterable[str] = (), *, runtime: bool = False) -> str:
        chosen = tuple(scopes) or (
            application.SCOPES if subject else (CLOUD_PLATFORM, LICENCE, f"{PREFIX}gmail.modify")
        )
        key = (subject, chosen, runtime)
        if key not in self.tokens:
            assertion = self.assertion(subject, chosen, self.key(runtime=runtime))
            answer = self.ask_token(grant_type=JWT_BEARER, assertion=assertion)
            assert answer.status_code == 200, answer.text
            self.tokens[key] = answer.json()["access_token"]
        return self.tokens[key]

    def call(
        self,
        host: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        subject: str | None = "admin",
        scopes: Iterable[str] = (),
        params: Any = None,
        token: str | None = None,
    ) -> httpx.Response:
        who = self.admin_address if subject == "admin" else subject
        headers = {"authorization": f"Bearer {token or self.token(who, scopes)}"}
        return self.client.request(method, f"{self.url(host)}{path}", json=body, params=params, headers=headers)

    def admin(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.call("ADMIN_URL", method, path, body, **more)

    def directory(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.admin(method, f"/admin/directory/v1{path}", body, **more)

    def gmail(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.call("GMAIL_URL", method, f"/gmail/v1{path}", body, **more)

    def cloudidentity(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.call("CLOUDIDENTITY_URL", method, path, body, **more)

    def appsmarket(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.call("APPSMARKET_URL", method, path, body, **more)

    def groups_settings(self, method: str, address: str, body: Any = None, **more: Any) -> httpx.Response:
        given = {"params": {"alt": "json"}} | more
        return self.call("GROUPSSETTINGS_URL", method, f"/groups/v1/groups/{address}", body, **given)

    def rows(self, path: str, name: str, **params: Any) -> list[dict[str, Any]]:
        """Follow one of Directory's listings to its end."""
        found, token = [], ""
        while True:
            more = {"pageToken": token} if token else {}
            answer = self.directory("GET", path, params={**params, **more})
            assert answer.status_code == 200, answer.text
            found += answer.json().get(name, [])
            if not (token := answer.json().get("nextPageToken", "")):
                return found

    def new_group(self, **changes: Any) -> dict[str, Any]:
        answer = self.directory("POST", "/groups", NEW_GROUP | changes)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def join(self, group: str, **body: Any) -> httpx.Response:
        return self.directory("POST", f"/groups/{group}/members", body)

    def page(self, **changes: Any) -> httpx.Response:
        """Open the page on which an administrator agrees."""
        asked = {
            "client_id": application.CLIENT_ID,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": f"openid email {PREFIX}admin.directory.user.readonly",
            "state": "the state",
            "access_type": "offline",
        } | changes
        asked = {name: value for name, value in asked.items() if value is not None}
        return self.client.get(f"{self.url('ACCOUNTS_URL')}/o/oauth2/v2/auth", params=asked)

    def decide(
        self, decision: str = "accept", user: str | None = None, without: Iterable[str] = (), **changes: Any
    ) -> dict[str, str]:
        """Fill in the page as a person would; return what the service gets from the browser."""
        page = self.page(**changes).text
        fields = [
            (name, html.unescape(value))
            for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
        ]
        boxes = re.findall(r'<input type="checkbox" name="scope" value="([^"]+)" checked>', page)
        fields += [("scope", html.unescape(one)) for one in boxes if one not in without]
        options = re.findall(r'<option value="([^"]+)">', page)
        fields += [("user", user or options[0]), ("decision", decision)]
        answer = self.client.post(
            f"{self.url('ACCOUNTS_URL')}/_consent",
            content=str(httpx.QueryParams(fields)),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 302, answer.text
        where = urlsplit(answer.headers["location"])
        assert f"{where.scheme}://{where.netloc}{where.path}" == REDIRECT
        return {name: value[0] for name, value in parse_qs(where.query).items()}

    def exchange(self, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": application.CLIENT_ID,
            "client_secret": application.CLIENT_SECRET,
            "redirect_uri": REDIRECT,
        } | changes
        return self.ask_token(**form)

    def granted(self, user: str | None = None, **changes: Any) -> dict[str, Any]:
        """Return the tokens of an administrator's grant."""
        return dict(self.exchange(self.decide(user=user, **changes)["code"]).json())

    def refresh(self, refresh_token: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": application.CLIENT_ID,
            "client_secret": application.CLIENT_SECRET,
        } | changes
        return self.ask_token(**form)

    def revoke(self, token: str) -> httpx.Response:
        return self.client.post(f"{self.oauth_url}/revoke", data={"token": token})

    def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.client.request(method, f"{self.sims.control}/_sim{path}", json=body)

    def of_tenant(self, what: str, body: Any) -> httpx.Response:
        answer = self.control("POST", f"/tenants/{self.tenant}/{what}", body)
        assert answer.status_code < 300, answer.text
        return answer

    def behave(self, **knobs: Any) -> None:
        self.of_tenant("behaviour", knobs)

    def administer(self, action: str, **more: Any) -> dict[str, Any]:
        return dict(self.of_tenant("admin", {"action": action, **more}).json())

    def customer(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Do a call of Directory as the customer's own administrator."""
        return self.control("POST", f"/tenants/{self.tenant}/directory", {"method": method, "path": path, "body": body})

    def customer_state(self) -> Customer:
        """Return the customer's state itself."""
        return self.sims.google.customers[self.tenant]

    def fault(
        self, kind: str, *, times: int = 1, skip: int = 0, more: dict[str, Any] | None = None, **match: str
    ) -> None:
        body = {"match": match, "times": times, "skip": skip, "do": {"kind": kind, **(more or {})}}
        assert self.control("POST", "/faults", body).status_code == 201

    def advance(self, seconds: float) -> None:
        self.control("POST", "/clock", {"advance": seconds})
        self.tokens.clear()  # They are short-lived, and what follows is about something else.

    def snapshot(self) -> str:
        return self.control("GET", f"/tenants/{self.tenant}/snapshot").text


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Return the status, the reason and the message of a JSON API's refusal."""
    inner = answer.json()["error"]
    assert inner["code"] == answer.status_code
    return answer.status_code, inner["errors"][0]["reason"], inner["message"]


def token_refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Return the status, the error and its description of a refusal of the token endpoint."""
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]
