"""The tables of settings that the documents hold, printed from the settings themselves."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from infra.local.markdown import codes, table
from shared.flows.retention import KINDS
from shared.foundation.retention import Retention
from shared.foundation.settings import Settings


def settings() -> str:
    """Every setting with its default and its meaning, by what it is about."""
    single = {name: field for name, field in Settings.model_fields.items() if _nested(field) is None}
    lines = ["### The deployment", "", *_settings("FOOTPRINT_", single), ""]
    for name, field in Settings.model_fields.items():
        if model := _nested(field):
            about = " ".join((model.__doc__ or "").split("\n\n")[0].split())
            lines += [f"### `{name.upper()}__…`", "", about, ""]
            lines += [*_settings(f"FOOTPRINT_{name.upper()}__", model.model_fields), ""]
    return "\n".join(lines).rstrip()


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _settings(prefix: str, fields: Mapping[str, FieldInfo]) -> list[str]:
    return table(("Setting", "Default", "Meaning"), _setting_rows(prefix, fields))


def _setting_rows(prefix: str, fields: Mapping[str, FieldInfo]) -> Iterator[Sequence[str]]:
    for name, field in fields.items():
        if model := _nested(field):
            yield from _setting_rows(f"{prefix}{name.upper()}__", model.model_fields)
            continue
        choices = f"one of {', '.join(map(str, get_args(field.annotation)))}" if _chosen(field) else ""
        meaning = "; ".join(part for part in (choices, field.description or "") if part)
        yield f"`{prefix}{name.upper()}`", _default(field), meaning


def _chosen(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    match value:
        case None | "" | [] | {}:
            return "not set"
        case bool():
            return f"`{str(value).lower()}`"
        case timedelta():
            return f"{value.days} days"
        case list():
            return codes(value)
    return f"`{value}`"


def retention() -> str:
    """What is kept for how long, and why."""
    fields = Retention.model_fields
    told = [
        (
            f"`FOOTPRINT_RETENTION__{one.setting.upper()}`",
            str(fields[one.setting].description),
            _default(fields[one.setting]),
            one.reason,
        )
        for one in KINDS
    ]
    return "\n".join(table(("Setting", "What", "Default", "Reason for the default"), told))
