"""How a loop fares: when it last did its round, and how often it failed since."""

from __future__ import annotations

from dataclasses import dataclass

_STUCK_S = 300.0
_FAILING = 3


@dataclass(slots=True)
class Vital:
    """One loop. Times are monotonic seconds.

    began_at: of the round under way, None between rounds; done_at: of the last round that went well. failures: in a
    row; failed: in all; fault: what the last failure was. ended: it goes round no more.
    """

    name: str
    interval_s: float
    began_at: float | None = None
    done_at: float | None = None
    failures: int = 0
    failed: int = 0
    fault: str = ""
    ended: bool = False

    def alive(self, now: float) -> bool:
        """Whether it still goes round; one round may take five minutes."""
        return not self.ended and (self.began_at is None or now - self.began_at < _STUCK_S)

    def well(self, now: float) -> bool:
        """Whether it is alive and its rounds succeed; a failure or two may be the moment's."""
        return self.alive(now) and self.failures < _FAILING
