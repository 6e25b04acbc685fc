"""The Exchange Online host: who may call, the envelope of a cmdlet, its answer, and pages."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable
from typing import Any

import jwt

from infra.local.simulators.microsoft.applications import EXCHANGE_ADMINISTRATOR, EXCHANGE_AUDIENCE
from infra.local.simulators.microsoft.exchange import (
    connectors,
    groups,
    journal_rules,
    lists,
    organisation,
    remote_domains,
    rules,
)
from infra.local.simulators.microsoft.exchange.call import Cmdlet, CmdletCall
from infra.local.simulators.microsoft.exchange.errors import malformed, pagination_expired
from infra.local.simulators.microsoft.exchange.parameters import CmdletParameters
from infra.local.simulators.microsoft.exchange.ranges import shown
from infra.local.simulators.microsoft.quirks import spoiled
from infra.local.simulators.microsoft.state import Microsoft
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Answer, Record, Refusal, Request

PATH = re.compile(r"/adminapi/(beta|v1\.0)/([^/]+)/InvokeCommand")
ANCHOR = re.compile(r"(APP|UPN|SMTP|MBX):.+@.+|MBX:.+", re.IGNORECASE)
PAGE_LIFE = 1800  # seconds
DEFAULT_RESULT_SIZE = 1000
MORE_RESULTS = (
    "There are more results available than are currently displayed. To view them, increase the value for the "
    "ResultSize parameter."
)
# An application without a person cannot run these at all; they look like cmdlets that do not exist.
NOT_APP_ONLY = frozenset(
    {"New-UnifiedGroup", "Remove-UnifiedGroup", "Add-UnifiedGroupLinks", "Remove-UnifiedGroupLinks"}
)
CMDLETS: dict[str, Cmdlet] = {
    **connectors.CMDLETS,
    **rules.CMDLETS,
    **lists.CMDLETS,
    **journal_rules.CMDLETS,
    **remote_domains.CMDLETS,
    **groups.CMDLETS,
    **organisation.CMDLETS,
}


class Exchange:
    """Runs cmdlets against a tenant's organisation."""

    def __init__(self, microsoft: Microsoft) -> None:
        self._microsoft = microsoft
        self._parameters = CmdletParameters()

    def answer(self, request: Request, quirk: str | None = None) -> Answer:
        """Answer one request of a client that has to prove who it is."""
        found = PATH.fullmatch(request.path)
        if not found:
            body = {"error": {"code": "NotSimulated", "message": f"{request.path} is not simulated."}}
            return Answer(status=501, body=body)
        if request.method != "POST":
            return Answer(status=405)
        try:
            tenant, allowed = self._authorised(request, found[2])
            answer = self._invoke(tenant, allowed, request, found[1], quirk)
        except Refusal as refusal:
            return refusal.answer
        return spoiled(quirk, answer, request, self._microsoft.exchange_url)

    def as_administrator(self, tenant: Tenant, body: Any) -> Answer:
        """Run a cmdlet the way the customer's own administrator would: no token, and nothing to confirm."""
        try:
            cmdlet, given = _envelope({"CmdletInput": body})
            rows, warnings = self._run(tenant, cmdlet, given, prompting=False)
        except Refusal as refusal:
            return refusal.answer
        return Answer(body={"value": [_annotated(row) for row in rows or []], "@adminapi.warnings": warnings})

    def _authorised(self, request: Request, name: str) -> tuple[Tenant, Collection[str]]:
        """The tenant, and the cmdlets that the caller's role holds.

        401 without the permission, 403 with a body that is not JSON without a directory role or a role group.

        Permission and directory role are read from the token, so one minted before the role was given stays refused
        until it expires.
        """
        header = request.header("authorization") or ""
        try:
            token = header.removeprefix("Bearer ")
            claims = self._microsoft.signer.claims(token, EXCHANGE_AUDIENCE, self._microsoft.clock.now())
        except jwt.InvalidTokenError as error:
            raise _unauthorised("invalid_token") from error
        tenant = self._microsoft.tenant(name)
        if tenant is None or claims["tid"] != tenant.id or not tenant.honours(claims["oid"]):
            raise _unauthorised("invalid_tenant")
        if "Exchange.ManageAsApp" not in claims.get("roles", ()):
            raise _unauthorised("insufficient_permissions")
        if EXCHANGE_ADMINISTRATOR in claims["wids"]:
            return tenant, CMDLETS
        if not tenant.role_group:
            raise _forbidden()
        return tenant, tenant.role_group

    def _invoke(
        self, tenant: Tenant, allowed: Collection[str], request: Request, version: str, quirk: str | None
    ) -> Answer:
        cmdlet, given = _envelope(_body(request))
        _check_headers(request, cmdlet)
        known = self._parameters.cmdlet(cmdlet)
        if known is None or cmdlet in NOT_APP_ONLY or (known in CMDLETS and known not in allowed):
            raise _forbidden()
        options = dict(request.query)
        if extra := set(options) - {"$select", "$skiptoken"}:
            raise malformed(f"The query option {', '.join(sorted(extra))} is not allowed.")
        start = self._start(request, options.get("$skiptoken"), cmdlet, given)
        if start and tenant.behaviour.exchange_pages_refused:
            raise pagination_expired()
        rows, warnings = self._run(tenant, cmdlet, given)
        if rows is None:
            text = f"Are you sure you want to perform this action? {cmdlet}"
            return self._reply(tenant, version, [], warnings, {"@adminapi.confirmationmessage": text})
        limit = given.get("ResultSize", DEFAULT_RESULT_SIZE)
        if limit != "Unlimited" and len(rows) > int(limit):
            rows, warnings = rows[: int(limit)], [*warnings, MORE_RESULTS]
        size = _page_size(request, tenant)
        if quirk == "page_cut":
            size = max(1, min(size, len(rows) // 2))
        page = rows[start : start + size]
        if quirk == "half_listing":
            return self._reply(tenant, version, page[: len(page) // 2], warnings, {})
        link = {}
        if start + size < len(rows):
            warnings = [*warnings, MORE_RESULTS]
            token = self._token(cmdlet, given, start + size)
            base = f"{self._microsoft.exchange_url}/adminapi/{version}/{tenant.id}/InvokeCommand"
            link = {"@odata.nextLink": f"{base}?%24skiptoken={token}"}
        if select := options.get("$select"):
            names = {"ObjectState", *select.split(",")}
            page = [{name: one[name] for name in one if name in names} for one in page]
        return self._reply(tenant, version, page, warnings, link)

    def _run(
        self, tenant: Tenant, name: str, given: dict[str, Any], *, prompting: bool = True
    ) -> tuple[list[Record], list[str]] | tuple[None, list[str]]:
        """Bind the parameters and run the cmdlet; nothing comes back when it waits for a confirmation."""
        cmdlet = self._parameters.cmdlet(name)
        if cmdlet is None:
            raise _forbidden()
        bound = self._parameters.bind(cmdlet, given)
        if cmdlet not in CMDLETS:
            raise Refusal(Answer(status=501, body={"error": {"code": "NotSimulated", "message": cmdlet}}))
        if bound.pop("WhatIf", False):
            return [], []
        confirm = bound.pop("Confirm", cmdlet.startswith("Remove-"))
        if confirm and prompting:
            return None, []
        call = CmdletCall(cmdlet=cmdlet, tenant=tenant, now=self._microsoft.clock.now(), given=bound)
        rows = CMDLETS[cmdlet](call)
        return [shown(row, tenant.behaviour.range_form) for row in rows], call.warnings

    def _start(self, request: Request, token: str | None, cmdlet: str, given: dict[str, Any]) -> int:
        """Read where a page starts; the link lives half an hour and needs the same body and mailbox anchor."""
        if token is None:
            return 0
        try:
            kept = json.loads(base64.urlsafe_b64decode(token))
            fresh = self._microsoft.clock.seconds() - kept["at"] < PAGE_LIFE
            same = kept["of"] == [cmdlet, given]
        except (ValueError, KeyError, TypeError) as error:
            raise pagination_expired() from error
        if not fresh or not same or request.header("x-anchormailbox") is None:
            raise pagination_expired()
        return int(kept["from"])

    def _token(self, cmdlet: str, given: dict[str, Any], start: int) -> str:
        kept = {"from": start, "at": self._microsoft.clock.seconds(), "of": [cmdlet, given]}
        return base64.urlsafe_b64encode(json.dumps(kept).encode()).decode()

    def _reply(
        self, tenant: Tenant, version: str, rows: Iterable[Record], warnings: list[str], more: dict[str, str]
    ) -> Answer:
        base = f"{self._microsoft.exchange_url}/adminapi/{version}/{tenant.id}"
        return Answer(
            body={
                "@odata.context": f"{base}/$metadata#Collection(Exchange.GenericHashTable)",
                "adminapi.warnings@odata.type": "#Collection(String)",
                "@adminapi.warnings": warnings,
                **more,
                "value": [_annotated(row) for row in rows],
            }
        )


def _annotated(row: Record) -> dict[str, Any]:
    """Put the side keys that give types beside the values they describe."""
    result: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, tuple | list):
            result[f"{name}@odata.type"] = "#Collection(String)"
        elif isinstance(value, int) and not isinstance(value, bool):
            result[f"{name}@data.type"] = "System.Int32"
        elif name.startswith("WhenChanged") or name.startswith("WhenCreated"):
            result[f"{name}@data.type"] = "System.DateTime"
        result[name] = value
    return result


def _body(request: Request) -> Any:
    content = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if content != "application/json":
        raise Refusal(Answer(status=415, body={"error": {"code": "UnsupportedMediaType", "message": content}}))
    try:
        return request.json()
    except ValueError as error:
        raise malformed("The request body is not valid JSON.") from error


def _envelope(body: Any) -> tuple[str, dict[str, Any]]:
    """Read the one shape of body there is; `Parameters` may be empty, not null."""
    if not isinstance(body, dict) or set(body) != {"CmdletInput"}:
        raise malformed("The request body must hold CmdletInput and nothing else.")
    inner = body["CmdletInput"]
    if not isinstance(inner, dict) or set(inner) != {"CmdletName", "Parameters"}:
        raise malformed("CmdletInput must hold CmdletName and Parameters and nothing else.")
    if not isinstance(inner["CmdletName"], str) or not isinstance(inner["Parameters"], dict):
        raise malformed("CmdletName must be a string and Parameters an object.")
    return inner["CmdletName"], inner["Parameters"]


def _check_headers(request: Request, cmdlet: str) -> None:
    named = request.header("x-cmdletname")
    if named is not None and named != cmdlet:
        raise malformed(f"The header X-CmdletName says {named}, the body says {cmdlet}.")
    anchor = request.header("x-anchormailbox")
    if anchor is not None and not ANCHOR.fullmatch(anchor):
        raise malformed(f"The header X-AnchorMailbox is not valid: {anchor}")


def _page_size(request: Request, tenant: Tenant) -> int:
    size = tenant.behaviour.exchange_page_size
    wanted = re.search(r"odata\.maxpagesize=([0-9]+)", request.header("prefer") or "")
    return max(1, min(size, int(wanted[1]))) if wanted else size


def _unauthorised(reason: str) -> Refusal:
    challenge = f'Bearer client_id="{EXCHANGE_AUDIENCE}", error="{reason}"'
    return Refusal(Answer(status=401, headers={"WWW-Authenticate": challenge}, content_type="text/html"))


def _forbidden() -> Refusal:
    """A missing role and an unknown cmdlet look the same, and neither looks like JSON."""
    return Refusal(Answer(status=403, body=b"\0" * 4096, content_type="text/html"))
