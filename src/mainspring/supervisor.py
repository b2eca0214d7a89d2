"""Keeps loops going: each round on a hint or after its interval, a failed one again a little later."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from typing import Protocol

from mainspring.database.hints import Hints

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 30.0


class Loop(Protocol):
    """Something that is done again and again."""

    topic: str
    interval_s: float

    async def run_once(self) -> int:
        """One round; how much it changed."""


async def supervise(loop: Loop, hints: Hints) -> None:
    """Run the loop until canceled. A fault is logged and tried again, with growing pauses."""
    failures = 0
    while True:
        mark = hints.mark(loop.topic)
        try:
            await loop.run_once()
            failures = 0
        except Exception:
            failures += 1
            log.exception("%s failed, %d in a row", type(loop).__name__, failures)
        pause = loop.interval_s if not failures else min(2.0**failures * loop.interval_s, _LONGEST_PAUSE_S)
        await hints.wait(loop.topic, pause * random.uniform(0.9, 1.0), since=mark)  # noqa: S311


def signals() -> tuple[asyncio.Event, asyncio.Event]:
    """(set by the first SIGTERM or SIGINT, set by the second)."""
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def told() -> None:
        (hurry if stopping.is_set() else stopping).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)
    return stopping, hurry
