"""Takes releases of deployments through: live once their instances are ready, rolled back when their setup fails."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from mainspring.core.ids import parse_time, rfc3339
from mainspring.core.prediction import Status
from mainspring.core.rollout import Boot, advance
from mainspring.database.hints import Hints
from mainspring.records.deployments import Deployment, Deployments
from mainspring.records.feed import Feed
from mainspring.records.instances import Instance, Instances
from mainspring.records.predictions import Predictions
from mainspring.services.lines import first_instances
from mainspring.settings import Settings

log = logging.getLogger(__name__)


class Rollouts:
    """One look at deployments that are on their way or disabled. All it knows is in rows: any round can be the first.

    A release waits for room no longer than a setup may take, counted from the start of the server at the earliest.
    """

    topic = "scale"
    interval_s = 1.0

    def __init__(
        self,
        *,
        settings: Settings,
        hints: Hints,
        feed: Feed,
        deployments: Deployments,
        predictions: Predictions,
        instances: Instances,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._hints = hints
        self._feed = feed
        self._deployments = deployments
        self._predictions = predictions
        self._instances = instances
        self._now = now
        self._began = now()

    async def run_once(self) -> int:
        """One round. Returns how many releases and predictions it changed."""
        every = await self._deployments.every()
        changed = sum([await self._cancel(each) for each in every if each.live.disabled])
        rolling = [each for each in every if each.rolling]
        if rolling:
            live, running = await self._instances.live(), await self._predictions.running()
            changed += sum([await self._advance(each, live, running) for each in rolling])
        return changed

    async def _advance(
        self, deployment: Deployment, live: Sequence[Instance], running: dict[str, int]
    ) -> int:
        current, now = deployment.current, self._now()
        queue = str(current.queue)
        states = Counter(i.state for i in live if i.queue == queue)
        failed = await self._instances.fault(queue)
        busy = Counter(i.queue for i in live if running.get(i.id))
        step = advance(
            Boot(
                wanted=first_instances(deployment, busy),
                ready=states["ready"],
                booting=states["booting"],
                fault=failed.fault if failed else None,
                age_s=(now - max(parse_time(current.created_at), self._began)).total_seconds(),
                patience_s=self._settings.setup_timeout_s,
            )
        )
        if step.take_over:
            changed = await self._deployments.take_over(deployment, rfc3339(now))
        elif step.error is not None:
            logs = failed.setup_logs if failed else ""
            changed = await self._deployments.roll_back(deployment, step.error, logs, rfc3339(now))
        else:
            return 0
        word = "live" if step.take_over else "rolled back"
        log.info("release %d of %s is %s", current.number, deployment.full_name, word)
        self._hints.hint("scale")
        return int(changed)

    async def _cancel(self, deployment: Deployment) -> int:
        """A disabled deployment runs nothing: what is on its way is canceled."""
        unfinished = await self._deployments.unfinished(deployment.full_name)
        now = rfc3339(self._now())
        for prediction_id in unfinished:
            ended = await self._predictions.end_waiting(prediction_id, Status.CANCELED, now)
            if ended is not None:
                self._feed.close_waiting(ended)
            else:
                await self._predictions.ask_cancel(prediction_id, now)
        if unfinished:
            self._hints.hint("instances")
        return len(unfinished)
