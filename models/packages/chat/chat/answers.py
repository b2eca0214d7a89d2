"""An answer as it is written: stop sequences heeded, tokens counted, time taken."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

from chat.engine import Engine, Sampling
from chat.prompts import Prompt
from chat.stops import Stops


class Answers:
    """One answer. Its counts are right at any moment, also when it is left early."""

    def __init__(self, engine: Engine, prompt: Prompt, sampling: Sampling, stops: Stops) -> None:
        self._engine, self._prompt, self._sampling, self._stops = engine, prompt, sampling, stops
        self._began = time.monotonic()
        self._first: float | None = None
        self._last = 0.0
        self.read = self.written = 0

    async def texts(self) -> AsyncIterator[str]:
        """The text as it comes. Leaving early stops the engine."""
        stops, least = self._stops, self._sampling.min_tokens
        async with contextlib.aclosing(self._engine.stream(self._prompt, self._sampling)) as pieces:
            async for piece in pieces:
                self._count(piece.written, piece.read)
                if text := stops.feed(piece.text, may_stop=piece.written >= least):
                    yield text
                if stops.hit:
                    return
        if text := stops.rest():
            yield text

    def metrics(self) -> dict[str, int | float]:
        """What to record of it. tokens_per_second: after the first token, where there is more than one."""
        found: dict[str, int | float] = {"input_token_count": self.read, "output_token_count": self.written}
        if self._first is not None:
            found["time_to_first_token"] = self._first - self._began
            if self.written > 1 and self._last > self._first:
                found["tokens_per_second"] = (self.written - 1) / (self._last - self._first)
        return found

    def _count(self, written: int, read: int) -> None:
        self._last = time.monotonic()
        if self._first is None:
            self._first = self._last
        self.written, self.read = written, read
