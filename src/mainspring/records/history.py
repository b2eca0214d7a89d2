"""What boots and runs took lately, for each line; in memory, so nothing is known right after a start."""

from __future__ import annotations

_NEWEST = 0.2
_MOST = 1_000


class History:
    """Moving averages in seconds: each new value counts a fifth. The lines that were heard of last are kept."""

    def __init__(self) -> None:
        self._runs: dict[str, float] = {}
        self._boots: dict[str, float] = {}

    def ran(self, queue: str, seconds: float) -> None:
        """A prediction of this line ran for so long."""
        _note(self._runs, queue, seconds)

    def booted(self, queue: str, seconds: float) -> None:
        """An instance for this line took so long to become ready."""
        _note(self._boots, queue, seconds)

    def run_s(self, queue: str) -> float | None:
        """How long its predictions run; None when not known."""
        return self._runs.get(queue)

    def boot_s(self, queue: str) -> float | None:
        """How long its instances take to become ready; None when not known."""
        return self._boots.get(queue)


def _note(known: dict[str, float], queue: str, seconds: float) -> None:
    before = known.pop(queue, None)
    known[queue] = seconds if before is None else before + _NEWEST * (seconds - before)
    if len(known) > _MOST:
        del known[next(iter(known))]
