"""Stand-ins for the messages between the Functions host and its Python worker.

The worker takes them as an argument. They refuse what the real ones, which are typed, could not carry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import SimpleNamespace
from typing import Any, ClassVar


class Message(SimpleNamespace):
    """A message that is only carried; its fields are those it was given."""


FunctionLoadResponse = FunctionMetadataResponse = InvocationResponse = WorkerInitResponse = WorkerMetadata = Message
NullableBool = NullableDouble = NullableString = NullableTimestamp = Timestamp = Message
RpcException = RpcFunctionMetadata = RpcRetryOptions = Message


class StatusResult(Message):
    """How a request to the worker ended."""

    Failure, Success, Cancelled = range(3)


class BindingInfo(Message):
    """One binding of a function."""

    undefined = 0  # of the data types
    out, inout = 1, 2  # of the directions


class RpcHttpCookie(Message):
    """A cookie that a function sets."""

    SameSite = IntEnum("SameSite", {"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


@dataclass(kw_only=True)
class RpcHttp:
    """A request to a function, or its response."""

    method: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: "TypedData | None" = None
    status_code: str = ""
    cookies: list[RpcHttpCookie] | None = None
    enable_content_negotiation: bool = False

    def __post_init__(self) -> None:
        for each in (self.headers, self.params, self.query):
            if not all(isinstance(text, str) for pair in each.items() for text in pair):
                raise TypeError(f"not a map of strings: {dict(each)!r}")
        self.body = self.body or TypedData()


class TypedData:
    """One value of one kind, or none."""

    KINDS: ClassVar[dict[str, type]] = {
        "string": str,
        "json": str,
        "bytes": bytes,
        "http": RpcHttp,
        "int": int,
        "double": float,
    }

    # Whichever it holds; the others are not there.
    string: str
    http: RpcHttp

    def __init__(self, **data: Any) -> None:
        if len(data) > 1:
            raise ValueError(f"one value has one kind, not {sorted(data)}")
        self.kind: str | None = None
        for kind, value in data.items():
            if not isinstance(value, self.KINDS[kind]):
                raise TypeError(f"{value!r} is no {kind}")
            self.kind = kind
            setattr(self, kind, value)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - the real message's own name
        """The kind that it holds."""
        return self.kind if group == "data" else None


class ParameterBinding:
    """One argument of an invocation."""

    def __init__(self, *, name: str, data: TypedData) -> None:
        self.name, self.data = name, data

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - the real message's own name
        """An argument always comes as data."""
        return "data" if group == "rpc_data" else None
