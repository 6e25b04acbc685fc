"""Records of Exchange's listings that lack what each record has: one strange record of a customer's stops nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.foundation.errors import Temporary

Record = dict[str, Any]

# What identifies a record in a listing that the model of the mail flow and our own objects are read from.
IDENTITY: Mapping[str, str] = {
    "Get-InboundConnector": "Guid",
    "Get-JournalRule": "Guid",
    "Get-OutboundConnector": "Guid",
    "Get-RemoteDomain": "DomainName",
    "Get-TenantAllowBlockListSpoofItems": "Identity",
    "Get-TransportRule": "Guid",
}
# No identity of Exchange's begins so.
STAND_IN = "without an id: "


def completed(cmdlet: str, rows: Sequence[Record]) -> list[Record]:
    """The records of a listing, with a stand-in for an identity, a name or a priority that is missing.

    Rules are listed in the order of their priorities
    (https://learn.microsoft.com/powershell/module/exchange/get-transportrule).
    """
    if (identity := IDENTITY.get(cmdlet)) is None:
        return list(rows)
    return [_completed(cmdlet, identity, row, place) for place, row in enumerate(rows)]


def _completed(cmdlet: str, identity: str, given: Record, place: int) -> Record:
    missing: Record = {}
    if not _text(given.get(identity)):
        missing[identity] = f"{STAND_IN}{given.get('Name') or place}"
    if identity == "Guid" and not _text(given.get("Name")):
        missing["Name"] = f"without a name: {given.get(identity) or place}"
    if cmdlet == "Get-TransportRule" and not str(given.get("Priority")).isdecimal():
        missing["Priority"] = place
    return given | missing if missing else given


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def identified(cmdlet: str, record: Record) -> Record:
    """A record that seems to be ours. Raises Temporary where it has no identity of Exchange's to be known again by."""
    if str(record[IDENTITY[cmdlet]]).startswith(STAND_IN):
        told = f"Exchange lists “{record.get('Name') or 'one of our objects'}” without its id. We will ask again."
        raise Temporary("incomplete_listing", told)
    return record
