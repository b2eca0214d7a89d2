"""Where something stands in a distributed trace, as W3C's Trace Context has it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

_TEXT = re.compile(r"([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{16})?-([0-9a-f]{2})(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Trace:
    """A span and its parent, ids in hex. state: the vendors' part of the context, to be passed on as it is.

    Ids of what lies below are derived, so that whoever knows the row of a prediction can name the spans of its life,
    also after a restart.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    sampled: bool
    state: str = ""

    @classmethod
    def parse(cls, text: str | None) -> Trace | None:
        """What `str` made; None for anything else."""
        found = _TEXT.fullmatch(text or "")
        if found is None:
            return None
        return cls(found[1], found[2], found[3], int(found[4], 16) & 1 == 1, found[5] or "")

    def __str__(self) -> str:
        flags = "01" if self.sampled else "00"
        plain = f"{self.trace_id}-{self.span_id}-{self.parent_id or ''}-{flags}"
        return f"{plain} {self.state}" if self.state else plain

    def below(self, *name: object) -> Trace:
        """A span under this one, the same for the same name."""
        told = "/".join((self.trace_id, self.span_id, *map(str, name)))
        span_id = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
        return replace(self, span_id=span_id, parent_id=self.span_id)

    def headers(self) -> dict[str, str]:
        """What makes this span the parent of what another program does."""
        told = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"}
        return told | ({"tracestate": self.state} if self.state else {})
