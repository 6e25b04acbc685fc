"""What views are made of, as the description of the API tells of it. A view is JSON: what there is, by name."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, with_config

View = TypeVar("View", bound=type[Any])

When = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Next = Annotated[str | None, Field(description="the `cursor` of the next page; null on the last one")]


def example(content: dict[str, Any]) -> Callable[[View], View]:
    """Show what a view may look like."""
    return with_config(ConfigDict(json_schema_extra={"examples": [content]}))
