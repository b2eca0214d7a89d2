"""Whether each part of this process does its work, found out by letting it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from mainspring.core.sizes import spell_size
from mainspring.core.vitals import Vital
from mainspring.database import Database
from mainspring.launchers import Launcher
from mainspring.objects import Objects
from mainspring.records.feed import Feed

Phase = Literal["starting", "running", "stopping"]
_PATIENCE_S = 2.0
_FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part. detail: for whoever runs the platform; it may name what others need not know."""

    well: bool
    detail: str = ""


class Health:
    """phase: what the process is about to do. vitals: of its loops. listeners: whether each one listens, by name."""

    def __init__(
        self,
        *,
        database: Database,
        objects: Objects,
        launcher: Launcher | None,
        feed: Feed,
        min_free: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.phase: Phase = "starting"
        self.vitals: list[Vital] = []
        self.listeners: Callable[[], dict[str, bool]] = dict
        self._feed = feed
        self._database = database
        self._objects = objects
        self._launcher = launcher
        self._min_free = min_free
        self._clock = clock
        self._looking = asyncio.Lock()
        self._seen: tuple[float, dict[str, Part]] | None = None

    def alive(self) -> dict[str, Part]:
        """Each loop: whether it still goes round. Nothing is, or is not, because of the world outside this process."""
        now = self._clock()
        over = self.phase == "stopping" or self._feed.stopping
        return {v.name: Part(over or v.alive(now), _fares(v, now)) for v in self.vitals}

    async def ready(self) -> dict[str, Part]:
        """Each part: whether it works right now. Looked at once a second at most."""
        async with self._looking:
            if self._seen is None or self._clock() - self._seen[0] >= _FRESH_S:
                self._seen = (self._clock(), await self._look())
        phase: Phase = "stopping" if self._feed.stopping else self.phase
        return {"process": Part(phase == "running", phase), **self._seen[1]}

    async def _look(self) -> dict[str, Part]:
        now = self._clock()
        ledger, objects, launcher = await asyncio.gather(
            _tried(self._ledger), _tried(self._stored), _tried(self._launched)
        )
        heard = self.listeners()
        deaf = [name for name, listens in heard.items() if not listens]
        loops = {f"loop {v.name}": Part(v.well(now), _fares(v, now)) for v in self.vitals}
        listeners = Part(not deaf, ", ".join(f"{name} does not listen" for name in deaf) or ", ".join(heard))
        return {
            "ledger": ledger,
            "objects": objects,
            "launcher": launcher,
            "listeners": listeners,
            **loops,
        }

    async def _ledger(self) -> Part:
        began = self._clock()
        await self._database.check()
        return Part(True, f"written and read in {(self._clock() - began) * 1e3:.1f} ms")

    async def _stored(self) -> Part:
        free = await self._objects.check()
        least = f", and {spell_size(self._min_free)} are to be" if free < self._min_free else ""
        return Part(free >= self._min_free, f"{spell_size(free)} are free{least}")

    async def _launched(self) -> Part:
        return Part(True, f"isolation: {await self._launcher.check()}" if self._launcher else "none")


async def _tried(look: Callable[[], Awaitable[Part]]) -> Part:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await look()
    except TimeoutError:
        return Part(False, f"no answer within {_PATIENCE_S:g} s")
    except Exception as error:
        return Part(False, f"{type(error).__name__}: {error}")


def _fares(vital: Vital, now: float) -> str:
    if vital.ended:
        return "ended"
    last = (
        f"last round {max(0.0, now - vital.done_at):.1f} s ago"
        if vital.done_at is not None
        else "no round yet"
    )
    under_way = (
        f", one under way for {max(0.0, now - vital.began_at):.1f} s" if vital.began_at is not None else ""
    )
    failures = f", {vital.failures} failures in a row: {vital.fault}" if vital.failures else ""
    return f"{last}{under_way}{failures}"
