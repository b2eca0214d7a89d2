"""Whether an instance still answers: counted in questions, not seconds, so that a machine that slept loses nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

MISSES = 3


class Answer(Enum):
    """What came of asking Cog's server for its health.

    SILENCE: no reply in time; NONSENSE: one that is not Cog's; DEAD: the process of the model is gone; STALLED: that
    process does not answer, which may be work that holds the interpreter.
    """

    WELL = "well"
    SILENCE = "silence"
    NONSENSE = "nonsense"
    DEAD = "dead"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Pulse:
    """missed: questions in a row without a good answer; last: what came of the last of them.

    asked_at: when the last question was asked, in monotonic seconds.
    """

    missed: int = 0
    last: Answer = Answer.WELL
    asked_at: float = float("-inf")

    @property
    def lost(self) -> bool:
        """Whether the instance is of no use any more."""
        return self.missed >= MISSES

    def due(self, now: float, every_s: float) -> bool:
        """Whether to ask: every so often, and at once after a miss."""
        return self.missed > 0 or now >= self.asked_at + every_s

    def asked(self, now: float) -> Pulse:
        """A question was sent."""
        return replace(self, asked_at=now)

    def told(self, answer: Answer, now: float, *, busy: bool, limit_s: float) -> Pulse:
        """What came of the last question by now. busy: something ran in the meantime; limit_s: how long one may take.

        A stalled process that works is no miss, nor a sign of life. What took twice as long as it may is no miss
        either: then it was we who slept.
        """
        if answer is Answer.WELL:
            return replace(self, missed=0, last=answer)
        if now - self.asked_at > 2 * limit_s or (busy and answer is Answer.STALLED):
            return self
        return replace(self, missed=self.missed + 1, last=answer)
