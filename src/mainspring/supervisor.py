"""Keeps loops going: each round on a hint or after its interval, a failed one again a little later."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from typing import Protocol

from mainspring.core.vitals import Vital
from mainspring.database.hints import Hints

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 30.0


class Loop(Protocol):
    """Something that is done again and again."""

    topic: str
    interval_s: float

    async def run_once(self) -> int:
        """One round; how much it changed."""


async def supervise(loop: Loop, hints: Hints, vital: Vital | None = None) -> None:
    """Run the loop until canceled. A fault is logged and tried again, after growing pauses; vital hears of it all."""
    vital = vital or vital_of(loop)
    try:
        while True:
            mark = hints.mark(loop.topic)
            await _round(loop, vital)
            failures = vital.failures
            pause = min(2.0**failures * loop.interval_s, _LONGEST_PAUSE_S) if failures else loop.interval_s
            await hints.wait(loop.topic, pause * random.uniform(0.9, 1.0), since=mark)  # noqa: S311
    finally:
        vital.ended = True


def vital_of(loop: Loop) -> Vital:
    """How a loop fares, before its first round."""
    return Vital(type(loop).__name__.lower(), loop.interval_s)


async def _round(loop: Loop, vital: Vital) -> None:
    clock = asyncio.get_running_loop().time
    vital.began_at = clock()
    try:
        await loop.run_once()
        vital.failures, vital.fault, vital.done_at = 0, "", clock()
    except Exception as error:
        vital.failures += 1
        vital.failed += 1
        vital.fault = f"{type(error).__name__}: {error}"
        log.exception("%s failed, %d in a row", type(loop).__name__, vital.failures)
    finally:
        vital.began_at = None


def signals() -> tuple[asyncio.Event, asyncio.Event]:
    """(set by the first SIGTERM or SIGINT, set by the second)."""
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def told() -> None:
        (hurry if stopping.is_set() else stopping).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)
    return stopping, hurry
