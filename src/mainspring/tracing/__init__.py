"""The socket for traces: spans of requests as they happen, and spans of what is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from mainspring.core.trace import Trace

Kind = Literal["internal", "client"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that is over. error: why it went wrong; instant events by name."""

    name: str
    trace: Trace
    begin: datetime
    end: datetime
    kind: Kind = "internal"
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    error: str | None = None
    events: Mapping[str, datetime] = field(default_factory=dict)


class Call(Protocol):
    """A request that is being served. trace: of its span."""

    trace: Trace

    def end(self, name: str, status: int, attributes: Mapping[str, str | int]) -> None:
        """It was answered."""


class Tracer(Protocol):
    """Takes spans and sends them to where they are gathered, later and elsewhere; never raises for want of that."""

    def call(self, method: str, headers: Mapping[str, str]) -> Call:
        """A request came in; its headers say whether it is part of a greater trace."""

    def tell(self, span: Span) -> None:
        """Something is over."""

    def close(self) -> None:
        """Send what is left, within a few seconds."""
