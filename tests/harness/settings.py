"""Settings as an environment would make them, and nothing of this machine's."""

import json
from typing import Any

from pydantic_settings import SettingsConfigDict

from shared.foundation.settings import Settings


class TestSettings(Settings):
    """Settings from keywords alone, whatever the machine's environment says."""

    __test__ = False
    model_config = SettingsConfigDict(env_prefix="NOBODY_SETS_THIS_", env_file=None, extra="ignore", frozen=True)


def settings_from(environment: dict[str, str], **more: Any) -> Settings:
    """The settings that these environment names and values would make."""
    nested: dict[str, Any] = {}
    for name, value in environment.items():
        *path, last = name.removeprefix("FOOTPRINT_").lower().split("__")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = json.loads(value) if value.startswith(("[", "{")) else value
    for name, value in more.items():
        nested[name] = {**nested.get(name, {}), **value} if isinstance(value, dict) else value
    return TestSettings(**nested)
