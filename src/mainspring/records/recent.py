"""Answers remembered for a moment: for facts that are asked for with every request and rarely change."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Recent:
    """Up to `size` answers, each for at most ttl_s; `forget` voids even a read that is under way."""

    def __init__(
        self, ttl_s: float = 1.0, size: int = 1024, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ttl_s = ttl_s
        self._size = size
        self._clock = clock
        self._answers: dict[Hashable, tuple[float, Any]] = {}
        self._generation = 0
        self._changes = 0

    def get(self, key: Hashable) -> Any | None:
        """The answer, if it is fresh."""
        found = self._answers.get(key)
        if found is None:
            return None
        until, answer = found
        return answer if self._clock() < until else None

    async def ask(self, key: Hashable, read: Callable[[], Awaitable[T | None]]) -> T | None:
        """The fresh answer, or else what `read` finds. Only what exists is remembered."""
        answer: T | None = self.get(key)
        if answer is not None:
            return answer
        generation = self._generation
        answer = await read()
        if answer is not None and generation == self._generation:
            self.put(key, answer)
        return answer

    def forget(self) -> None:
        """Forget everything: something was written."""
        self._generation += 1
        self._answers.clear()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Remember nothing while something is written that others can read before the writer knows of it."""
        self._changes += 1
        self.forget()
        try:
            yield
        finally:
            self._changes -= 1
            self.forget()

    def put(self, key: Hashable, answer: Any) -> None:
        """Remember an answer; when there are too many, the oldest is forgotten."""
        if self._changes:
            return
        self._answers.pop(key, None)
        while len(self._answers) >= self._size:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (self._clock() + self._ttl_s, answer)
