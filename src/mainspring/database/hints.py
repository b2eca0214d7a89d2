"""Wake-ups: a hint only hurries a loop that would look by itself a little later."""

from __future__ import annotations

import asyncio
from collections import defaultdict

Future = asyncio.Future[None]


class Hints:
    """Hints by topic, within this process. With `enabled=False` every hint is lost and waits run to their end."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._given: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, list[Future]] = defaultdict(list)

    def mark(self, topic: str) -> int:
        """How many hints topic has had: taken before one looks, it makes `wait` miss none."""
        return self._given[topic]

    def hint(self, topic: str) -> None:
        """Wake everybody who waits on topic."""
        if self._enabled:
            self._given[topic] += 1
            for future in self._waiting.pop(topic, ()):
                release(future)

    def hint_one(self, topic: str) -> None:
        """Wake whoever has waited longest on topic."""
        if not self._enabled:
            return
        self._given[topic] += 1
        waiting = self._waiting.get(topic)
        while waiting:
            future = waiting.pop(0)
            if not future.done():
                future.set_result(None)
                return

    async def wait(self, topic: str, timeout_s: float, *, since: int, future: Future | None = None) -> None:
        """Return at the next hint on topic after mark `since`, after timeout_s, or when somebody releases future."""
        if self._given[topic] != since:
            return
        loop = asyncio.get_running_loop()
        future = future or loop.create_future()
        self._waiting[topic].append(future)
        handle = loop.call_later(timeout_s, release, future)
        try:
            await future
        finally:
            handle.cancel()
            if future in self._waiting[topic]:
                self._waiting[topic].remove(future)


def release(future: Future) -> None:
    """Wake whoever awaits future."""
    if not future.done():
        future.set_result(None)
