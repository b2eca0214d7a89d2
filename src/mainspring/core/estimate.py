"""How long a waiting prediction will still wait, as far as recent ones tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a prediction waits for. ahead: how many stand before it; slots: how many one instance runs at once.

    ready: instances that serve the line; booted_for_s: for how long the one that is booting has been, None without
    one. boot_s and run_s: what a boot and a run took lately, in seconds, None when that is not known.
    """

    ahead: int
    slots: int
    ready: int
    booted_for_s: float | None
    boot_s: float | None
    run_s: float | None


def estimate_s(line: Line) -> float | None:
    """Seconds until it starts; None when nobody can tell."""
    if not line.ready:
        return _after_boot_s(line)
    if line.run_s is None:
        return None
    return (line.ahead + 1) * line.run_s / (line.slots * line.ready)


def _after_boot_s(line: Line) -> float | None:
    """Those who find a free slot when the instance is ready start at once, others in rounds."""
    if line.boot_s is None:
        return None
    left_s = max(0.0, line.boot_s - (line.booted_for_s or 0.0))
    rounds = line.ahead // line.slots
    if rounds and line.run_s is None:
        return None
    return left_s + rounds * (line.run_s or 0.0)
