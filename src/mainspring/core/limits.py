"""How often an account may call: a bucket of tokens that fills up steadily, as one number.

A bucket of N tokens gets N a minute. All that there is to know of it is when it will be full again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PERIOD_S = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a call. full_at: clock time at which the bucket is full again; remaining: calls that are
    left at once; reset_s: whole seconds until it is full; retry_s: whole seconds until the next call is allowed,
    0 when this one was."""

    full_at: float
    limit: int
    remaining: int
    reset_s: int
    retry_s: int

    @property
    def allowed(self) -> bool:
        """Whether the call may go on."""
        return self.retry_s == 0


def take(full_at: float, now: float, limit: int) -> Taken:
    """Take a token of a bucket of `limit` (at least 1); now is the same monotonic clock's time, in seconds.

    A call that is refused costs nothing.
    """
    each_s = PERIOD_S / limit
    missing_s = max(0.0, full_at - now)
    after_s = missing_s + each_s
    if after_s > PERIOD_S * (1 + 1e-9):
        return Taken(full_at, limit, 0, math.ceil(missing_s), max(1, math.ceil(after_s - PERIOD_S)))
    remaining = int((PERIOD_S - after_s) / each_s + 1e-6)
    return Taken(now + after_s, limit, remaining, math.ceil(after_s), 0)
