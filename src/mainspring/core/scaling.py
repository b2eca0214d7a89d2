"""How many instances a version should have: a pure decision from what was observed."""

from __future__ import annotations

import math
from dataclasses import dataclass

PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the owner of a model asked for. slots: predictions that one instance runs at once."""

    min_instances: int
    max_instances: int
    slots: int
    idle_timeout_s: float


@dataclass(frozen=True, slots=True)
class Copy:
    """One instance. idle_s: how long it has run nothing."""

    id: str
    ready: bool
    running: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class Observed:
    """One version at one moment. oldest_wait_s: how long the first in line has waited."""

    waiting: int
    oldest_wait_s: float
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Launch so many, stop these."""

    launch: int = 0
    stop: tuple[str, ...] = ()


def decide(policy: Policy, observed: Observed) -> Decision:
    """Start the first at once; grow when the line has lost patience; let go what has been idle too long."""
    alive = len(observed.copies)
    wanted = max(policy.min_instances, alive)
    if observed.waiting and alive == 0:
        wanted = max(wanted, 1)
    elif _too_slow(policy, observed):
        more = min(math.ceil(observed.waiting / policy.slots), alive)
        wanted = max(wanted, min(alive + more, policy.max_instances))
    if wanted > alive:
        return Decision(launch=wanted - alive)
    return Decision(stop=_idle(policy, observed))


def _too_slow(policy: Policy, observed: Observed) -> bool:
    booting = any(not c.ready for c in observed.copies)
    free = any(c.ready and c.running < policy.slots for c in observed.copies)
    return observed.waiting > 0 and observed.oldest_wait_s >= PATIENCE_S and not booting and not free


def _idle(policy: Policy, observed: Observed) -> tuple[str, ...]:
    if observed.waiting:
        return ()
    idle = [c for c in observed.copies if c.ready and not c.running and c.idle_s >= policy.idle_timeout_s]
    idle.sort(key=lambda c: c.idle_s, reverse=True)
    return tuple(c.id for c in idle[: max(0, len(observed.copies) - policy.min_instances)])
