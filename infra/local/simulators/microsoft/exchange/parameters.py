"""Checks a cmdlet's parameters against the documented list, the way PowerShell binds them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.local.simulators.microsoft.exchange.errors import cmdlet_error, invalid_argument, invalid_operation
from infra.local.simulators.wire import Answer, Refusal

HASHTABLE = "#Exchange.GenericHashTable"
COMMON = frozenset(
    "Debug ErrorAction ErrorVariable InformationAction InformationVariable OutBuffer OutVariable "
    "PipelineVariable Verbose WarningAction WarningVariable".lower().split()
)
# Set aside for Microsoft's own use, and yet taken from everybody.
TAKEN = frozenset({"EFTestMode", "EFSkipMailGateway", "EnableSafeList", "ScanAndDropRecipients"})
BOOLEANS = frozenset({"Boolean", "System.Boolean", "SwitchParameter"})
NUMBERS = {"Int32": (-(2**31), 2**31 - 1), "SclValue": (-1, 9)}
LISTS = frozenset({"MultiValuedProperty", "ProxyAddressCollection"})


@dataclass(frozen=True, kw_only=True)
class ListChange:
    """A list parameter that adds and removes elements; a bare list would overwrite what is there."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class CmdletParameters:
    """The documented cmdlets and what each of them takes."""

    def __init__(self) -> None:
        text = Path(__file__).with_name("exchange_cmdlets.json").read_text(encoding="utf-8")
        self._cmdlets: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
        self._names = {name.lower(): name for name in self._cmdlets}

    def cmdlet(self, name: str) -> str | None:
        """Return a cmdlet's proper name, in whatever case it was written."""
        return self._names.get(name.lower())

    def names(self, cmdlet: str) -> list[str]:
        """Return the parameters of a cmdlet."""
        return list(self._cmdlets[cmdlet])

    def bind(self, cmdlet: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters under their proper names, with values of the proper kind, or refuse."""
        known = self._cmdlets[cmdlet]
        proper = {name.lower(): name for name, one in known.items() if not one.get("on_premises_only")}
        bogus = [name for name in given if name.lower() not in proper and name.lower() not in COMMON]
        if bogus:
            text = (
                "Parameter set cannot be resolved using the specified named parameters. "
                f"Invalid cmdlet parameters specified. {', '.join(bogus)}"
            )
            raise invalid_operation("AmbiguousParameterSetException", text)
        bound = {
            proper[name.lower()]: _value(cmdlet, proper[name.lower()], known[proper[name.lower()]], value)
            for name, value in given.items()
            if name.lower() in proper
        }
        for name, one in known.items():
            if one["required"] and (bound.get(name) is None or bound[name] in ("", ())):
                text = f"Cannot process command because of one or more missing mandatory parameters: {name}."
                raise cmdlet_error(cmdlet, "System.Management.Automation.ParameterBindingException", text)
        return bound


def _value(cmdlet: str, name: str, one: dict[str, Any], value: Any) -> Any:
    kind: str = one["type"]
    if one.get("reserved") and name not in TAKEN:
        body = {"error": {"code": "NotSimulated", "message": f"{cmdlet} -{name} is not simulated."}}
        raise Refusal(Answer(status=501, body=body))
    if value is None:
        return None
    if kind.endswith("[]") or kind in LISTS:
        return _list(name, one, value)
    if isinstance(value, list | dict):
        raise _untransformable(name, value, kind)
    return _single(cmdlet, name, one, value)


def _list(name: str, one: dict[str, Any], value: Any) -> tuple[str, ...] | ListChange:
    if isinstance(value, dict):
        if value.get("@odata.type") != HASHTABLE:
            raise _untransformable(name, value, one["type"])
        parts = {key.lower(): part for key, part in value.items() if key != "@odata.type"}
        if not parts or set(parts) - {"add", "remove"}:
            raise _untransformable(name, value, one["type"])
        split = {key: _elements(name, one, part) for key, part in parts.items()}
        return ListChange(add=split.get("add", ()), remove=split.get("remove", ()))
    return _elements(name, one, value)


def _elements(name: str, one: dict[str, Any], value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise _untransformable(name, value, one["type"])
    accepted = _accepted(one)
    return tuple(_enumerated(name, one["type"], accepted, each) if accepted else each for each in values)


def _single(cmdlet: str, name: str, one: dict[str, Any], value: Any) -> Any:
    kind: str = one["type"]
    if kind in BOOLEANS:
        if not isinstance(value, bool):
            raise _untransformable(name, value, "System.Boolean")
        return value
    if isinstance(value, bool):
        raise _untransformable(name, value, kind)
    if kind in NUMBERS:
        return _number(cmdlet, name, kind, value)
    if kind == "Unlimited":
        if value != "Unlimited" and not re.fullmatch(r"[0-9]+", str(value)):
            raise _untransformable(name, value, kind)
        return value if value == "Unlimited" else int(value)
    if not isinstance(value, str):
        raise _untransformable(name, value, kind)
    if kind.endswith("DateTime"):
        try:
            datetime.fromisoformat(value)
        except ValueError as error:
            raise _untransformable(name, value, "System.DateTime") from error
        return value
    if accepted := _accepted(one):
        return _enumerated(name, kind, accepted, value)
    limit = one.get("max_length")
    if limit is not None and len(value) > limit:
        text = f"The length of the property {name} is too long. The maximum length is {limit} and the length of"
        raise invalid_argument(cmdlet, f"{text} the value provided is {len(value)}.")
    return value


def _number(cmdlet: str, name: str, kind: str, value: Any) -> int:
    if not re.fullmatch(r"-?[0-9]+", str(value)):
        raise _untransformable(name, value, "System.Int32")
    low, high = NUMBERS[kind]
    if not low <= int(value) <= high:
        raise invalid_argument(cmdlet, f"The {name} value must be between {low} and {high}.")
    return int(value)


def _accepted(one: dict[str, Any]) -> list[str]:
    return [each for each in one["accepted_values"] or [] if not each.startswith("$")]


def _enumerated(name: str, kind: str, accepted: list[str], value: str) -> str:
    """A beginning is enough for a value to match, so a wrong one may pass for another."""
    exact = [each for each in accepted if each.lower() == value.lower()]
    begun = [each for each in accepted if value and each.lower().startswith(value.lower())]
    found = exact or begun
    if len(found) != 1:
        raise _untransformable(name, value, kind, accepted)
    return found[0]


def _untransformable(name: str, value: Any, kind: str, accepted: list[str] | None = None) -> Refusal:
    text = (
        f"Cannot process argument transformation on parameter '{name}'. "
        f'Cannot convert value "{value}" to type "{kind}".'
    )
    if accepted:
        text += (
            f' Error: "Unable to match the identifier name {value} to a valid enumerator name. Specify one of the'
            f' following enumerator names and try again: {", ".join(accepted)}"'
        )
    return invalid_operation("ParameterTransformationException", text)
