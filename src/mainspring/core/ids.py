"""Identifiers and capability strings; randomness and time are arguments."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
Random = Callable[[int], bytes]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def new_id(now: datetime, random: Random = secrets.token_bytes) -> str:
    """26 lowercase characters: 52 bits of microseconds, then 76 random bits; ids sort by time."""
    return _spelled((int(now.timestamp() * 1_000_000) << 76) | (int.from_bytes(random(10), "big") >> 4))


def first_id(at: datetime) -> str:
    """What new ids of that moment and of later ones do not sort before."""
    return _spelled(min(max(int(at.timestamp() * 1_000_000), 0), (1 << 54) - 1) << 76)


def _spelled(value: int) -> str:
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def new_capability(random: Random = secrets.token_bytes) -> str:
    """52 lowercase base32 characters of 256 random bits: whoever has the string has the right."""
    return base64.b32encode(random(32)).decode().rstrip("=").lower()


def rfc3339(at: datetime) -> str:
    """UTC with microseconds and Z, so that text order is time order."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """The moment that an ISO 8601 text names; UTC when it names no zone. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def micros(text: str) -> int:
    """The moment that an ISO 8601 text names, in whole microseconds since 1970. Raises ValueError."""
    return (parse_time(text) - _EPOCH) // _MICROSECOND
