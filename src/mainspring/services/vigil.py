"""Asks one instance whether it still answers, and says why it must go once it does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mainspring.cogclient import HEALTH_TIMEOUT_S, CogClient, Health, NotCog
from mainspring.core.pulse import MISSES, Answer, Pulse

log = logging.getLogger(__name__)
_SAID = {
    Answer.SILENCE: "Cog's server did not answer a health check within {:g} s",
    Answer.NONSENSE: "Cog's server answered a health check with something else",
    Answer.DEAD: "the process of the model is gone",
    Answer.STALLED: "the process of the model did not answer a health check, though it ran nothing",
}


class Vigil:
    """Over one instance. patience_s: for each answer, and between two questions; 0 keeps no vigil.

    works_since: whether the instance has run something since a moment, in monotonic seconds. fault: why it is lost.
    """

    def __init__(
        self, instance: str, client: CogClient, patience_s: float, works_since: Callable[[float], bool]
    ) -> None:
        self.fault: str | None = None
        self._instance = instance
        self._client = client
        self._patience_s = patience_s
        self._works_since = works_since
        self._pulse = Pulse()
        self._asking = False

    @property
    def doubts(self) -> bool:
        """Whether the last question was missed."""
        return self._patience_s > 0 and self._pulse.missed > 0

    def due(self) -> bool:
        """Whether it is time to ask."""
        now = asyncio.get_running_loop().time()
        return self._patience_s > 0 and not self._asking and self._pulse.due(now, self._patience_s)

    async def ask(self) -> Health | None:
        """Ask once; None when no good answer came, and `fault` is set when that was once too often.

        Raises InstanceLost if nothing listens: whoever lets its last runs end, or begins to start, is not stuck.
        """
        clock = asyncio.get_running_loop().time
        self._asking, self._pulse = True, self._pulse.asked(asked_at := clock())
        health: Health | None = None
        try:
            health = await self._client.health(self._patience_s or HEALTH_TIMEOUT_S)
            answer = _meaning(health)
        except TimeoutError:
            answer = Answer.SILENCE
        except NotCog:
            answer = Answer.NONSENSE
        finally:
            self._asking = False
        limit_s = max(self._patience_s, HEALTH_TIMEOUT_S)
        self._note(self._pulse.told(answer, clock(), busy=self._works_since(asked_at), limit_s=limit_s))
        return health

    def _note(self, pulse: Pulse) -> None:
        before, self._pulse = self._pulse.missed, pulse
        if not self._patience_s or pulse.missed <= before:
            return
        said = _SAID[pulse.last].format(self._patience_s)
        log.warning("%s, %d of %d", said, pulse.missed, MISSES, extra={"instance": self._instance})
        if pulse.lost:
            again = "" if pulse.last is Answer.DEAD else f", {MISSES} times in a row"
            self.fault = f"The instance of the model was lost: {said}{again}."


def _meaning(health: Health) -> Answer:
    if health.worker_lost:
        return Answer.DEAD
    return Answer.STALLED if health.stalled else Answer.WELL
