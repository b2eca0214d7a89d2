"""How many instances a line should have: a pure decision from what was observed.

Fast up: the first at once, more as soon as the line has lost patience, at most doubling. Slow down: one that is
spare goes after `scale_down_s`, the last ones after `idle_timeout_s` without any work at all. Nothing that has not
been ready once is stopped, for that would throw its boot away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the owner of a line asked for. slots: predictions that one instance runs at once.

    idle_timeout_s: how long a line without work keeps what is above its minimum. scale_down_s: how long an instance
    above the minimum is kept without work while others have some.
    """

    min_instances: int
    max_instances: int
    slots: int
    idle_timeout_s: float
    scale_down_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Copy:
    """One instance. idle_s: how long it has run nothing."""

    id: str
    ready: bool
    running: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class Observed:
    """One line at one moment. oldest_wait_s: how long the first in it has waited for those that are ready."""

    waiting: int
    oldest_wait_s: float
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Launch so many; stop these if they still have no work; let these go once what they run has ended."""

    launch: int = 0
    stop: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()


def decide(policy: Policy, observed: Observed) -> Decision:
    """What to do about a line now."""
    if policy.max_instances == 0:
        return Decision(drain=tuple(c.id for c in observed.copies))
    alive = len(observed.copies)
    if alive > policy.max_instances:
        return Decision(drain=_surplus(policy, observed))
    wanted = max(policy.min_instances, min(alive + _growth(observed, policy.slots), policy.max_instances))
    if wanted > alive:
        return Decision(launch=wanted - alive)
    return Decision(stop=_spare(policy, observed))


def _growth(observed: Observed, slots: int) -> int:
    """How many more the line needs. Boots under way count; there are never more of them than what is ready."""
    if not observed.waiting:
        return 0
    if not observed.copies:
        return 1
    ready = [c for c in observed.copies if c.ready]
    booting = len(observed.copies) - len(ready)
    if observed.oldest_wait_s < PATIENCE_S or any(c.running < slots for c in ready):
        return 0
    short = math.ceil(observed.waiting / slots) - booting
    return max(0, min(short, len(ready) - booting))


def _surplus(policy: Policy, observed: Observed) -> tuple[str, ...]:
    """What is ready beyond the maximum, the least busy first."""
    ready = sorted((c for c in observed.copies if c.ready), key=lambda c: (c.running, -c.idle_s))
    return tuple(c.id for c in ready[: max(0, len(ready) - policy.max_instances)])


def _spare(policy: Policy, observed: Observed) -> tuple[str, ...]:
    """What has had no work for long enough, the longest idle first."""
    if observed.waiting:
        return ()
    ready = [c for c in observed.copies if c.ready]
    idle = sorted((c for c in ready if not c.running), key=lambda c: -c.idle_s)
    quiet = len(idle) == len(observed.copies) and all(c.idle_s >= policy.idle_timeout_s for c in idle)
    least = policy.min_instances if quiet else max(1, policy.min_instances)
    gone = [c.id for c in idle if quiet or c.idle_s >= policy.scale_down_s]
    return tuple(gone[: max(0, len(ready) - least)])
