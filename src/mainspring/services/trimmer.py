"""Keeps the store of results within its bounds: age first, then bytes, least recently used out first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mainspring.core.ids import rfc3339
from mainspring.records.cached import Cache, since
from mainspring.settings import Settings


class Trimmer:
    """Some hundred entries a round. What they name keeps its data as long as it would anyway."""

    topic = "trimmer"
    interval_s = 5.0

    def __init__(self, *, settings: Settings, cache: Cache, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._cache = cache
        self._now = now

    async def run_once(self) -> int:
        """One round. Returns how many entries it forgot."""
        now, total = rfc3339(self._now()), 0
        oldest = since(now, self._settings.cache_age_s)
        while gone := await self._cache.trim(oldest, self._settings.cache_bytes, now):
            total += gone
        return total
