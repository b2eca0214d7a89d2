"""Wake-ups: a hint only hurries a loop that would look by itself a little later."""

from __future__ import annotations

import asyncio
from collections import defaultdict


class Hints:
    """Hints by topic, within this process. With `enabled=False` every hint is lost and waits run to their end."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._waiting: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)

    def hint(self, topic: str) -> None:
        """Wake everybody who waits on topic."""
        if self._enabled and topic in self._waiting:
            for future in self._waiting.pop(topic):
                if not future.done():
                    future.set_result(None)

    def hint_one(self, topic: str) -> None:
        """Wake whoever has waited longest on topic."""
        waiting = self._waiting.get(topic) if self._enabled else None
        while waiting:
            future = waiting.pop(0)
            if not future.done():
                future.set_result(None)
                return

    async def wait(self, topic: str, timeout_s: float) -> None:
        """Return at the next hint on topic, or after timeout_s."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[topic].append(future)
        handle = asyncio.get_running_loop().call_later(timeout_s, _expire, future)
        try:
            await future
        finally:
            handle.cancel()
            waiting = self._waiting.get(topic)
            if waiting and future in waiting:
                waiting.remove(future)
            if not waiting:
                self._waiting.pop(topic, None)


def _expire(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
