"""How long data is kept, as a client asks for it."""

from __future__ import annotations

from mainspring.api.wire import refusal
from mainspring.core.durations import parse_retention


def retention_asked(text: str | None) -> int | None:
    """Seconds; 0 for ever, None for no choice. Raises InvalidRequest."""
    try:
        return parse_retention(text)
    except ValueError as error:
        raise refusal({"retention": f"must be a duration like 24h or 90d, or off: {error}"}) from error
