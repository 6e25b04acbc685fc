"""Exchange's answers as a scripted host says them."""

from typing import Any

import jwt

from tests.harness.scripted_host import Say

TENANT = "11111111-2222-4333-8444-555555555555"
TASKS = "Microsoft.Exchange.Configuration.Tasks."
NOT_FOUND = TASKS + "ManagementObjectNotFoundException"
ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"


class Minted:
    """A token whose claims a test chooses."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"roles": ["Exchange.ManageAsApp"], "wids": [ADMINISTRATOR]}

    async def __call__(self) -> str:
        return jwt.encode(self.claims, "k" * 32)


def failure(status: int, kind: str, message: str, *, spelling: str = "internalexception") -> Say:
    inner = {"message": "Error executing cmdlet", spelling: {"message": message, "type": kind}}
    error = {"code": "BadRequest", "message": "Error executing cmdlet", "innererror": inner}
    return Say(status=status, body={"error": error})


def piped(status: int, text: str, **rest: Any) -> Say:
    details = [{"code": "Client", "target": "", "message": text}]
    return Say(status=status, body={"error": {"message": "Error executing cmdlet", "details": details, **rest}})


def page(*names: str, link: str | None = None, warnings: tuple[str, ...] = ()) -> Say:
    rows = [{"Name": name, "Priority@data.type": "System.Int32", "Priority": 0} for name in names]
    body: dict[str, Any] = {"@adminapi.warnings": list(warnings), "value": rows}
    return Say(body=body | ({"@odata.nextLink": link} if link else {}), headers={"request-id": "r-1"})
