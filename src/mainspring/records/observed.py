"""What this process has seen since its start and no row tells: boots, webhooks on their way, requests."""

from __future__ import annotations

from collections import Counter

from mainspring.core.histogram import Histogram

BOOT_S = (0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
LAG_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 28_800)


class Observed:
    """Counters that begin at zero with the process.

    boots: seconds to become ready, by (model, deployment); failed_boots: by the same. webhook_lag: seconds from an
    event to the answer that took it, by event; webhook_tries: by (event, what became of it). replies: by (method,
    status).
    """

    def __init__(self) -> None:
        self.boots: dict[tuple[str, str], Histogram] = {}
        self.failed_boots: Counter[tuple[str, str]] = Counter()
        self.webhook_lag: dict[str, Histogram] = {}
        self.webhook_tries: Counter[tuple[str, str]] = Counter()
        self.replies: Counter[tuple[str, int]] = Counter()

    def booted(self, model: str, deployment: str | None, seconds: float) -> None:
        """An instance became ready."""
        key = (model, deployment or "")
        found = self.boots.get(key)
        if found is None:
            found = self.boots[key] = Histogram(BOOT_S)
        found.observe(seconds)

    def boot_failed(self, model: str, deployment: str | None) -> None:
        """An instance ended before it was ready, and not because somebody wanted it to."""
        self.failed_boots[(model, deployment or "")] += 1

    def delivered(self, event: str, lag_s: float) -> None:
        """A receiver has taken what an event told."""
        found = self.webhook_lag.get(event)
        if found is None:
            found = self.webhook_lag[event] = Histogram(LAG_S)
        found.observe(lag_s)
