"""Durations as people write them: 45s, 1h30m, 90d, or plain seconds; and for how long data is kept."""

from __future__ import annotations

import re

_DURATION = re.compile(
    r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?|([0-9]{1,9})"
)
_UNITS_S = (86_400, 3_600, 60, 1, 1)
_LONGEST_S = 100 * 365 * 86_400
OFF = "off"


def parse_duration(text: str) -> int:
    """Seconds. Raises ValueError for what is no duration."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ValueError(f"{text[:40]!r} is no duration like 45s, 1h30m or 90d")
    return sum(int(given or 0) * unit_s for given, unit_s in zip(found.groups(), _UNITS_S, strict=True))


def tell_duration(seconds: int) -> str:
    """The shortest text that `parse_duration` reads as so many seconds."""
    told = ""
    for unit_s, letter in zip(_UNITS_S, "dhms", strict=False):
        count, seconds = divmod(seconds, unit_s)
        told += f"{count}{letter}" if count else ""
    return told or "0s"


def parse_retention(text: str | None) -> int | None:
    """Seconds to keep data; 0 is for ever ("off"), None is no choice. Raises ValueError."""
    if text is None:
        return None
    if text.strip().lower() == OFF:
        return 0
    seconds = parse_duration(text)
    if not 1 <= seconds <= _LONGEST_S:
        raise ValueError("data is kept for at least 1s; off keeps it for ever")
    return seconds


def tell_retention(seconds: int | None) -> str | None:
    """What `parse_retention` reads so."""
    return seconds if seconds is None else tell_duration(seconds) if seconds else OFF


def keep_s(*, own: bool, model: int | None, account: int | None, default: float) -> int | None:
    """How long a prediction's data is kept after its end; None is for ever.

    model and account: what was chosen for them. An account's choice for its own model goes before that for the
    account; a stranger's choice for their model only counts where the account made none.
    """
    order = (model, account) if own else (account, model)
    chosen = next((choice for choice in order if choice is not None), int(default))
    return chosen or None
