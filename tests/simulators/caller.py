"""A client for the tests: plain HTTP against the simulators, as one application in one tenant."""

from __future__ import annotations

from typing import Any

import httpx

from infra.local.simulators import Simulators
from infra.local.simulators.microsoft.applications import CLIENT_ID, GRAPH_APP_ID

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"


class Caller:
    """Asks the simulated platforms in one tenant's matters."""

    def __init__(self, sims: Simulators, client: httpx.Client, tenant: str) -> None:
        self.sims = sims
        self.client = client
        self.tenant = tenant
        self.login_url = sims.settings["FOOTPRINT_MICROSOFT__LOGIN_URL"]
        self.graph_url = sims.settings["FOOTPRINT_MICROSOFT__GRAPH_URL"]
        self.exchange_url = sims.settings["FOOTPRINT_MICROSOFT__EXCHANGE_URL"]
        self.tokens: dict[str, str] = {}

    def ask_token(self, audience: str = GRAPH, tenant: str | None = None, **changes: str) -> httpx.Response:
        form = {
            "client_id": self.sims.settings["FOOTPRINT_MICROSOFT__CLIENT_ID"],
            "client_secret": self.sims.settings["FOOTPRINT_MICROSOFT__CLIENT_SECRET"],
            "grant_type": "client_credentials",
            "scope": f"{audience}/.default",
        } | changes
        form = {name: value for name, value in form.items() if value}
        return self.client.post(f"{self.login_url}/{tenant or self.tenant}/oauth2/v2.0/token", data=form)

    def token(self, audience: str) -> str:
        if audience not in self.tokens:
            self.tokens[audience] = self.ask_token(audience).json()["access_token"]
        return self.tokens[audience]

    def graph(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        url = path if path.startswith("http") else f"{self.graph_url}/v1.0{path}"
        given = {"authorization": f"Bearer {self.token(GRAPH)}"} | headers
        return self.client.request(method, url, json=body, headers=given)

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Follow a listing to its end."""
        found, url = [], path
        while url:
            page = self.graph("GET", url).json()
            found += page["value"]
            url = page.get("@odata.nextLink", "")
        return found

    def delta(self, url: str) -> tuple[list[dict[str, Any]], str]:
        """Follow a delta round to its end."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.graph("GET", url).json()
            found += page["value"]
            if "@odata.deltaLink" in page:
                return found, page["@odata.deltaLink"]
            url = page["@odata.nextLink"]

    def invoke(self, body: Any, url: str = "", **headers: str) -> httpx.Response:
        given = {
            "authorization": f"Bearer {self.token(EXCHANGE)}",
            "x-anchormailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{self.tenant}",
        } | headers
        target = url or f"{self.exchange_url}/adminapi/beta/{self.tenant}/InvokeCommand"
        return self.client.post(target, json=body, headers={k.replace("_", "-"): v for k, v in given.items()})

    def exchange(self, cmdlet: str, **parameters: Any) -> httpx.Response:
        return self.invoke({"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}})

    def values(self, cmdlet: str, **parameters: Any) -> list[dict[str, Any]]:
        answer = self.exchange(cmdlet, **parameters)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["value"])

    def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.client.request(method, f"{self.sims.control}/_sim{path}", json=body)

    def of_tenant(self, what: str, body: Any) -> httpx.Response:
        answer = self.control("POST", f"/tenants/{self.tenant}/{what}", body)
        assert answer.status_code < 300, answer.text
        return answer

    def behave(self, **knobs: Any) -> None:
        self.of_tenant("behaviour", knobs)

    def administer(self, action: str, **more: Any) -> None:
        self.of_tenant("admin", {"action": action, **more})

    def customer(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.of_tenant("graph", {"method": method, "path": path, "body": body})
        return answer.json() if answer.content else None

    def permit(self, *names: str) -> None:
        """The customer grants the application Graph's permissions of these names; the next tokens have them."""
        ours, graph = (self.customer("GET", f"/servicePrincipals(appId='{one}')") for one in (CLIENT_ID, GRAPH_APP_ID))
        for role in graph["appRoles"]:
            if role["value"] in names:
                given = {"principalId": ours["id"], "resourceId": graph["id"], "appRoleId": role["id"]}
                self.customer("POST", f"/servicePrincipals/{ours['id']}/appRoleAssignments", given)
        self.tokens.clear()

    def fault(
        self, kind: str, *, times: int = 1, skip: int = 0, more: dict[str, Any] | None = None, **match: str
    ) -> None:
        body = {"match": match, "times": times, "skip": skip, "do": {"kind": kind, **(more or {})}}
        assert self.control("POST", "/faults", body).status_code == 201

    def advance(self, seconds: float) -> None:
        self.control("POST", "/clock", {"advance": seconds})

    def snapshot(self) -> str:
        return self.control("GET", f"/tenants/{self.tenant}/snapshot").text

    def new_group(self, alias: str = "inline-incoming", **changes: Any) -> dict[str, Any]:
        body = {
            "displayName": "Inline Incoming",
            "mailNickname": alias,
            "groupTypes": ["Unified"],
            "mailEnabled": True,
            "securityEnabled": False,
        } | changes
        answer = self.graph("POST", "/groups", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def exchange_error(answer: httpx.Response) -> tuple[str, str]:
    """Return the type and the text of an Exchange refusal, from where the truth is."""
    inner = answer.json()["error"]["innererror"]["internalexception"]
    return inner["type"].rpartition(".")[2], inner["message"]
