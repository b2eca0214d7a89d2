"""Counts how values are spread over ranges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """counts: of values up to each bound and above the one before, the last beyond all; total: their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add(self, bucket: int, count: int, total: float) -> None:
        """Count values that were put in a bucket elsewhere; total: their sum."""
        self.counts[bucket] += count
        self.total += total

    def cumulative(self) -> list[tuple[str, int]]:
        """(bound as text, how many values are at most it), `+Inf` last."""
        found, so_far = [], 0
        for bound, count in zip((*self.bounds, float("inf")), list(self.counts), strict=True):
            so_far += count
            found.append(("+Inf" if bound == float("inf") else str(float(bound)), so_far))
        return found
