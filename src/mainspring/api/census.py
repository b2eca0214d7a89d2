"""What serves each line right now, and what waits in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from mainspring.api.context import Context
from mainspring.core.queue import Queue
from mainspring.records.instances import Instance
from mainspring.records.lines import Line


class Now(msgspec.Struct):
    """Instances by what they do, and how many predictions wait for them; oldest: when the first of those was made."""

    starting: int
    idle: int
    processing: int
    queue: int
    oldest: str | None


@dataclass(frozen=True, slots=True)
class Census:
    """Every live instance, how much each runs, and every line that somebody waits in."""

    instances: Sequence[Instance]
    running: Mapping[str, int]
    lines: Mapping[str, Line]

    def of_deployment(self, deployment: str) -> Now:
        """Of all of its releases."""
        return self._now(lambda queue: queue.deployment == deployment)

    def of_model(self, model: str) -> Now:
        """Of all versions of a model and its deployments, without trainings."""
        return self._now(lambda queue: queue.model == model and queue.training is None)

    def _now(self, counts: Callable[[Queue], bool]) -> Now:
        mine = [i for i in self.instances if counts(Queue.parse(i.queue))]
        lines = [line for queue, line in self.lines.items() if counts(Queue.parse(queue))]
        ready = [i for i in mine if i.state == "ready"]
        busy = sum(1 for i in ready if self.running.get(i.id))
        return Now(
            starting=sum(1 for i in mine if i.state == "booting"),
            idle=len(ready) - busy,
            processing=busy,
            queue=sum(line.waiting for line in lines),
            oldest=min((line.oldest for line in lines), default=None),
        )


async def take_census(ctx: Context) -> Census:
    """As the ledger has it."""
    return Census(await ctx.instances.live(), await ctx.predictions.running(), await ctx.predictions.lines())
