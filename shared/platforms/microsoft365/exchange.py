"""Exchange Online's admin REST: cmdlets by POST, and the truth looked for where Exchange hides it.

A listing is complete or it raises. The message that Exchange shows first is nearly always the same; the type of
the inner exception decides what a failure means.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from shared.foundation.errors import FootprintError, Missing, Permanent, Temporary
from shared.foundation.http_client import Http, Reply, unreadable
from shared.platforms.microsoft365.entra import TokenRefused, claims

Token = Callable[[], Awaitable[str]]
Record = dict[str, Any]
# Exchange routes a request by a mailbox; this one exists in every organisation.
ANCHOR = "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@"
HASHTABLE = "#Exchange.GenericHashTable"
# Directory roles that may do all we do: Exchange Administrator and Global Administrator.
ADMINISTRATORS = frozenset({"29232cdf-9323-42fd-ade2-1d097af3e4de", "62e90394-69f5-4237-9190-012177145e10"})
EXPIRED_PAGE = "Expired or Invalid pagination request"
TRUNCATED = "more results available"
# Cmdlets that list everything only when told to.
TAKES_RESULT_SIZE = frozenset(
    {
        "Get-AcceptedDomain",
        "Get-DistributionGroup",
        "Get-DistributionGroupMember",
        "Get-InboundConnector",
        "Get-OutboundConnector",
        "Get-RoleGroupMember",
        "Get-TransportRule",
        "Get-UnifiedGroup",
        "Get-UnifiedGroupLinks",
    }
)
# Verbs that ask "are you sure?" unless told not to, and the one cmdlet of them that has no such question.
ASKS = ("Remove-", "Disable-", "Delete-")
NEVER_ASKS = "Remove-TenantAllowBlockListItems"
MAX_PAGES = 1000


class AlreadyExists(FootprintError):
    """Something of this name or value is there already."""


class Incomplete(Temporary):
    """A listing that Exchange cuts short; a smaller one may come whole."""


class _PageExpired(Temporary):
    """A listing's next page is not kept any more."""


class Dehydrated(Temporary):
    """The organisation has not been customised yet, and Exchange refuses this kind of object until it is."""


@dataclass(frozen=True, kw_only=True)
class CmdletAnswer:
    """What a cmdlet returned: its records without annotations, its warnings, and Exchange's id of the request."""

    rows: list[Record]
    warnings: list[str]
    request_id: str


def add(*values: str) -> dict[str, object]:
    """Adds elements to a list that others use too. A bare list would overwrite theirs."""
    return {"@odata.type": HASHTABLE, "Add": list(values)}


def remove(*values: str) -> dict[str, object]:
    """Removes elements from a list that others use too."""
    return {"@odata.type": HASHTABLE, "Remove": list(values)}


class Exchange:
    """Exchange Online, as one tenant's application."""

    def __init__(self, http: Http, token: Token, tenant: str) -> None:
        self._http, self._token, self._tenant = http, token, tenant
        self._path = f"/adminapi/beta/{tenant}/InvokeCommand"
        self._connection_id = str(uuid4())

    async def invoke(self, cmdlet: str, /, **parameters: Any) -> CmdletAnswer:
        """Run one cmdlet and return all it returned, however many pages that takes."""
        if cmdlet.startswith(ASKS) and cmdlet != NEVER_ASKS:
            parameters.setdefault("Confirm", False)
        if cmdlet in TAKES_RESULT_SIZE:
            parameters.setdefault("ResultSize", "Unlimited")
        try:
            return await self._all_pages(cmdlet, parameters)
        except _PageExpired:
            pass
        try:
            return await self._all_pages(cmdlet, parameters)  # from the first page again
        except _PageExpired:
            # Seen with applications' tokens at every second page (office-docs-powershell #10907).
            raise Incomplete(
                "exchange_pages_refused",
                f"Exchange answers an application the first page of {cmdlet} and refuses the next. Nothing was "
                "changed, and we ask again. If it stays so, have Microsoft's support allow it, or remove from that "
                "list in the tenant what is not used any more.",
                after=timedelta(minutes=15),
            ) from None

    async def _all_pages(self, cmdlet: str, parameters: Record) -> CmdletAnswer:
        rows: list[Record] = []
        warnings: list[str] = []
        link: str | None = self._path
        request_id = ""
        for _ in range(MAX_PAGES):
            reply = await self._post(link or "", cmdlet, parameters)
            body = reply.json()
            value = body.get("value") if isinstance(body, dict) and "error" not in body else None
            if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
                raise unreadable(self._http.service, reply.status)
            rows += [_record(row) for row in value]
            said = [str(text) for text in body.get("@adminapi.warnings") or []]
            request_id = request_id or reply.request_id
            # Only a read is followed: the link is asked with the same body, which would run a change once more.
            asked, link = link, body.get("@odata.nextLink") if _reads(cmdlet) else None
            if link is None:
                if any(TRUNCATED in text for text in said):
                    break
                return CmdletAnswer(rows=rows, warnings=warnings + said, request_id=request_id)
            if link == asked:
                break
            warnings += [text for text in said if TRUNCATED not in text]
        raise _incomplete(cmdlet)

    async def _post(self, url: str, cmdlet: str, parameters: Record) -> Reply:
        token = await self._token()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json; charset=utf-8",
            "Accept": "application/json",
            "Accept-Language": "en-US",
            "X-CmdletName": cmdlet,
            "X-AnchorMailbox": ANCHOR + self._tenant,
            "X-ResponseFormat": "json",
            "X-SerializationLevel": "Partial",
            "Prefer": "odata.maxpagesize=1000",
            "client-request-id": str(uuid4()),
            "connection-id": self._connection_id,
        }
        body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}
        reply = await self._http.send(
            "POST", url, headers=headers, json=body, reads=_reads(cmdlet), answered=_names_an_exception
        )
        if reply.status == 200:
            return reply
        raise _refused(reply, cmdlet, token)


def _reads(cmdlet: str) -> bool:
    return cmdlet.startswith("Get-")


def _incomplete(cmdlet: str) -> Incomplete:
    return Incomplete("incomplete_listing", f"Exchange cut the answer to {cmdlet} short. We will ask again.")


def _record(row: Record) -> Record:
    return {name: value for name, value in row.items() if "@odata." not in name and "@data." not in name}


def _inner(error: Record) -> tuple[str, str]:
    """The type and the message of the true failure, wherever Exchange put it; the type is empty if it names none."""
    outer = error.get("innererror")
    inner = (outer.get("internalexception") or outer.get("internalException")) if isinstance(outer, dict) else None
    if isinstance(inner, dict):
        return str(inner.get("type") or ""), str(inner.get("message") or "")
    for detail in error.get("details") or []:
        parts = str(detail.get("message", "") if isinstance(detail, dict) else detail).split("|", 2)
        if len(parts) == 3:
            return parts[1], parts[2]
    return "", str(error.get("message", ""))


def _names_an_exception(reply: Reply) -> bool:
    """Whether a 5xx is a cmdlet's own failure, such as "no such object", rather than an outage."""
    try:
        return bool(_inner(_error(reply))[0])
    except Temporary:
        return False


def _error(reply: Reply) -> Record:
    body = reply.json()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        raise unreadable(reply.service, reply.status)
    return error


def _role_missing(cmdlet: str, token: str) -> TokenRefused:
    said = claims(token)
    if "Exchange.ManageAsApp" not in said.get("roles", []):
        step = "the permission Exchange.ManageAsApp is not granted: an administrator must open the invitation again"
    elif ADMINISTRATORS.intersection(said.get("wids", [])):
        step = "the role that our token names is not in effect there yet, which takes some minutes"
    else:
        step = (
            f"the application has no role in Exchange that holds {cmdlet}: an administrator must assign it the role "
            "Exchange Administrator in the Entra admin center, under Roles and administrators"
        )
    return TokenRefused("exchange_role_missing", f"Exchange refuses us because {step}.", after=timedelta(minutes=1))


def _refused(reply: Reply, cmdlet: str, token: str) -> FootprintError:
    """What a failure means. A 404 is no proof of absence, and a 403 may be thousands of NUL bytes."""
    if reply.status == 401 and "claims=" in reply.headers.get("www-authenticate", ""):
        return TokenRefused("token_refused", "The conditions of our sign-in have changed. We ask for a new token.")
    if reply.status in (401, 403):
        return _role_missing(cmdlet, token)
    kind, message = _inner(_error(reply))
    if EXPIRED_PAGE in message:
        return _PageExpired("incomplete_listing", _incomplete(cmdlet).sentence)
    for sign, meaning in KINDS:
        if kind.endswith(sign):
            return meaning(cmdlet, message, token)
    for sign, meaning in TEXTS:
        if sign in message:
            return meaning(cmdlet, message, token)
    if reply.status == 404 or reply.status >= 500:  # of a kind that we do not know, which proves nothing and may pass
        return Temporary("exchange_failed", f"Exchange failed at {cmdlet}: {message}", after=timedelta(minutes=5))
    return Permanent("exchange_refused", f"Exchange refused {cmdlet}: {message}")


def _ours(cmdlet: str, message: str, _token: str) -> FootprintError:
    return Permanent("our_request_refused", f"Exchange does not understand our {cmdlet}: {message} Report this to us.")


def _dehydrated(cmdlet: str, _message: str, _token: str) -> FootprintError:
    return Dehydrated(
        "organisation_dehydrated",
        f"Exchange refuses {cmdlet} until the organisation's customisation takes effect, which can take an hour.",
    )


Meaning = Callable[[str, str, str], FootprintError]

# The exception's type decides. An object's name is part of the message, so nothing is absent by the message.
KINDS: tuple[tuple[str, Meaning], ...] = (
    ("ManagementObjectNotFoundException", lambda _c, message, _t: Missing("not_found", message)),
    ("AlreadyExistsException", lambda _c, message, _t: AlreadyExists("already_exists", message)),
    ("InvalidOperationInDehydratedContextException", _dehydrated),
    ("CmdletAccessDeniedException", lambda cmdlet, _m, token: _role_missing(cmdlet, token)),
    ("AmbiguousParameterSetException", _ours),
    ("ParameterTransformationException", _ours),
)
# Parts of English messages, for what Exchange gives no telling type.
TEXTS: tuple[tuple[str, Meaning], ...] = (
    (
        "delegating role assignment",
        lambda _c, _m, _t: Temporary(
            "exchange_roles_not_ready", "Exchange's roles are not ready yet.", after=timedelta(seconds=150)
        ),
    ),
    ("InvalidOperationInDehydratedContextException", _dehydrated),
    ("CmdletAccessDenied", lambda cmdlet, _m, token: _role_missing(cmdlet, token)),
    ("isn't supported in this scenario", lambda cmdlet, _m, token: _role_missing(cmdlet, token)),
    ("already exists", lambda _c, message, _t: AlreadyExists("already_exists", message)),
    (
        "server side error",
        lambda cmdlet, _m, _t: Temporary(
            "platform_unavailable", f"Exchange failed at {cmdlet} with an error of its own."
        ),
    ),
)
