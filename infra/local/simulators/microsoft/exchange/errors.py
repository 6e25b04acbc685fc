"""Refusals of Exchange's cmdlets: a constant as the message, and the truth further down in the body."""

from __future__ import annotations

import zlib

from infra.local.simulators.wire import Answer, Refusal

INVOCATION = "Microsoft.Exchange.AdminApi.CommandInvocation"
TASKS = "Microsoft.Exchange.Configuration.Tasks"
SERVER = "AM0SIM0001.EURPR00A001.PROD.OUTLOOK.COM"
# The same kind of failure comes with different statuses, depending on the cmdlet's verb.
STATUS_BY_VERB = {"Get": 404, "Set": 400, "Enable": 400, "Disable": 400, "New": 500, "Remove": 500}
CODES = {400: "BadRequest", 404: "NotFound", 500: "InternalServerError"}


def invalid_operation(kind: str, text: str) -> Refusal:
    """A call that never reached the cmdlet: wrong parameters or wrong values."""
    return _refusal(400, "Invalid Operation", f"{INVOCATION}.{kind}", text, hashed=False)


def cmdlet_error(cmdlet: str, kind: str, text: str) -> Refusal:
    """A cmdlet that failed while running."""
    status = STATUS_BY_VERB.get(cmdlet.partition("-")[0], 400)
    return _refusal(status, "Error executing cmdlet", kind, text, hashed=True)


def not_found(cmdlet: str, identity: str) -> Refusal:
    """The object of the call does not exist, as far as Exchange knows."""
    text = f"The operation couldn't be performed because object '{identity}' couldn't be found on '{SERVER}'."
    return cmdlet_error(cmdlet, f"{TASKS}.ManagementObjectNotFoundException", text)


def ambiguous(cmdlet: str, identity: str) -> Refusal:
    """Several objects have that name."""
    text = f"The operation couldn't be performed because '{identity}' matches multiple entries."
    return cmdlet_error(cmdlet, f"{TASKS}.ManagementObjectAmbiguousException", text)


def already_exists(cmdlet: str, name: str) -> Refusal:
    """An object of that name is there."""
    text = f"The object '{name}' already exists on '{SERVER}'."
    return cmdlet_error(cmdlet, "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException", text)


def invalid_argument(cmdlet: str, text: str) -> Refusal:
    """A value, or a combination of values, the cmdlet does not take."""
    return cmdlet_error(cmdlet, "System.ArgumentException", text)


def dehydrated(cmdlet: str) -> Refusal:
    """The organisation was never customised, or not long enough ago."""
    kind = f"{TASKS}.InvalidOperationInDehydratedContextException"
    text = (
        "The command you tried to run isn't currently allowed in your organization. To run this command, you "
        "first need to run the command: Enable-OrganizationCustomization."
    )
    return cmdlet_error(cmdlet, kind, text)


def pagination_expired() -> Refusal:
    """A link to the next page that is too old, or that came without mailbox affinity."""
    text = "Expired or Invalid pagination request. Default Expiry time is 00:30:00"
    return Refusal(Answer(status=400, body={"error": {"code": "BadRequest", "message": text}}))


def malformed(text: str) -> Refusal:
    """A body that is not the one the endpoint takes."""
    return Refusal(Answer(status=400, body={"error": {"code": "BadRequest", "message": text}}))


def _refusal(status: int, message: str, kind: str, text: str, *, hashed: bool) -> Refusal:
    # The first part is a hash of the message's template: stable enough to see, not to rely on.
    prefix = f"Ex{zlib.crc32(kind.encode()) & 0xFFFFFF:06X}" if hashed else ""
    return Refusal(
        Answer(
            status=status,
            body={
                "error": {
                    "code": CODES[status],
                    "message": message,
                    "details": [{"code": "Client", "target": "", "message": f"{prefix}|{kind}|{text}"}],
                    "innererror": {
                        "message": message,
                        "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                        "stacktrace": "",
                        "internalexception": {"message": text, "type": kind, "stacktrace": ""},
                    },
                    "@adminapi.warnings": [],
                }
            },
        )
    )
