"""IP ranges as Exchange keeps and shows them: equal by their addresses, and written in a form of its own."""

from __future__ import annotations

import ipaddress

from infra.local.simulators.wire import Record

NAMED = ("IPAllowList", "IPBlockList", "SenderIPAddresses", "SenderIpRanges", "ExceptIfSenderIpRanges", "EFSkipIPs")


def addresses(text: str) -> object:
    """Return what a list compares an element by: a range's first and last address; else the text itself."""
    try:
        if "-" in text:
            first, last = (ipaddress.ip_address(part.strip()) for part in text.split("-", 1))
            return int(first), int(last), first.version
        network = ipaddress.ip_network(text)
    except ValueError:
        return text
    return int(network.network_address), int(network.broadcast_address), network.version


def shown(record: Record, form: str) -> Record:
    """Return a record with its ranges in this form; one that holds none comes back as it is."""
    named = [name for name in NAMED if record.get(name)] if form != "as_given" else []
    return {**record, **{name: tuple(_written(one, form) for one in record[name]) for name in named}}


def _written(text: str, form: str) -> str:
    if "-" in text:
        return text
    network = ipaddress.ip_network(text)
    if form == "mask":
        return str(network.with_netmask)
    return f"{network.network_address}-{network.broadcast_address}"
