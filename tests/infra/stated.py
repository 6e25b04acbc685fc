"""What the clouds' files state about the app, and what the app makes of it."""

from typing import Any

from pydantic import BaseModel

from shared.settings import Settings


def names(model: type[BaseModel] = Settings, prefix: str = "FOOTPRINT_") -> set[str]:
    """Every name that a setting has in the environment."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        nested = isinstance(inner, type) and issubclass(inner, BaseModel)
        found |= names(inner, f"{prefix}{name.upper()}__") if nested else {f"{prefix}{name.upper()}"}
    # A part may be stated as a whole, in JSON.
    return found | ({prefix.removesuffix("__")} if prefix != "FOOTPRINT_" else set())


def parsed(environment: dict[str, str], monkeypatch: Any) -> Settings:
    """The settings of an environment that states these and nothing else. Raises pydantic's error."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings(_env_file=None)
