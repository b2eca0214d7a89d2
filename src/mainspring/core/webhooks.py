"""What is told to a webhook, when it is told again, and how it is signed (Standard Webhooks)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache

RANKS = {"start": 0, "output": 1, "logs": 1, "completed": 2}
PREFIX = "whsec_"
SECRET_BYTES = 24
QUIET_S = 0.5
_BLOCK = 64
_DEFAULT = frozenset({"output", "completed"})
_NOTHING: frozenset[str] = frozenset()
_PAUSES_S = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0)


def wanted(webhook: str | None, events_filter: str | None) -> frozenset[str]:
    """The events that a webhook gets. events_filter: JSON array; without one, Replicate's output and completed."""
    if webhook is None:
        return _NOTHING
    return _DEFAULT if events_filter is None else _parsed(events_filter)


@lru_cache(64)
def _parsed(events_filter: str) -> frozenset[str]:
    return frozenset(json.loads(events_filter))


def pause_after(event: str, tries: int) -> float | None:
    """Seconds until the next try of an event that was tried in vain so often; None when there is none."""
    if event != "completed" or tries > len(_PAUSES_S):
        return None
    return _PAUSES_S[tries - 1]


def secret_text(key: bytes) -> str:
    """The secret as receivers are given it; standard base64, so that its only underscore is in the prefix."""
    return PREFIX + base64.b64encode(key).decode()


def signature(keys: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of webhook-signature: one signature for each key, so that receivers may know either."""
    message = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(_mac(key, message)).decode() for key in keys)


def _mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 from its definition: a third of what OpenSSL takes to set one up."""
    inner, outer = _pads(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()


@lru_cache(64)
def _pads(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    padded = key.ljust(_BLOCK, b"\0")
    return hashlib.sha256(bytes(b ^ 0x36 for b in padded)), hashlib.sha256(bytes(b ^ 0x5C for b in padded))
