"""How long data is kept, as a client asks for it."""

from __future__ import annotations

from mainspring.core.durations import parse_retention
from mainspring.core.errors import InvalidRequest


def retention_asked(text: str | None) -> int | None:
    """Seconds; 0 for ever, None for no choice. Raises InvalidRequest."""
    try:
        return parse_retention(text)
    except ValueError as error:
        told = f"must be a duration like 24h or 90d, or off: {error}"
        raise InvalidRequest(
            f"The following errors occurred:\n- retention: {told}",
            title="Validation failed",
            errors=[{"pointer": "/retention", "detail": told}],
        ) from error
