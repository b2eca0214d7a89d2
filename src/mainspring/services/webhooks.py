"""Sends what the outbox holds: in order for each prediction, without one receiver holding up another.

The outbox is the truth. A prediction that has just ended is sent at once, from memory; everything else, and whatever
memory forgets, is found by looking.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mainspring.core.egress import Egress, RefusedTarget, Target, check_webhook
from mainspring.core.ids import new_id, parse_time, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.core.webhooks import QUIET_S, pause_after, wanted
from mainspring.database.hints import Hints
from mainspring.records.deliveries import Deliveries, Delivery, Settled, Try
from mainspring.records.observed import Observed
from mainspring.records.outbox import host_of
from mainspring.records.predictions import Predictions
from mainspring.records.rendering import Renderer, encode
from mainspring.records.signing import Signing
from mainspring.services.posting import NotPosted, Poster, signed
from mainspring.services.storyteller import Storyteller, webhook_of

log = logging.getLogger(__name__)
_WIDEST, _NARROWEST = 16, 2
_ALL_AT_ONCE = 256
_AHEAD = 64
_KEEP = timedelta(days=30)
_TIDY_EVERY = timedelta(minutes=1)
_PRUNED_AT_ONCE = 500
_PAUSE_S = 1.0
_GATHER_S = 0.02


@dataclass(slots=True)
class Lane:
    """What goes to one host. width: how many requests at once; a host that does not answer gets fewer."""

    queue: deque[Delivery] = field(default_factory=deque)
    senders: set[asyncio.Task[None]] = field(default_factory=set)
    width: int = _WIDEST

    def answered(self, answered: bool) -> None:
        """Learn from one request."""
        self.width = min(_WIDEST, self.width * 2) if answered else max(_NARROWEST, self.width // 2)


class Webhooks:
    """The loop that empties the outbox."""

    topic = "webhooks"
    interval_s = 0.25

    def __init__(
        self,
        *,
        hints: Hints,
        deliveries: Deliveries,
        predictions: Predictions,
        renderer: Renderer,
        signing: Signing,
        egress: Egress,
        now: Callable[[], datetime],
        timeout_s: float = 15.0,
        observed: Observed | None = None,
        story: Storyteller | None = None,
    ) -> None:
        self._observed = observed or Observed()
        self._story = story
        self._hints = hints
        self._deliveries = deliveries
        self._predictions = predictions
        self._renderer = renderer
        self._signing = signing
        self._egress = egress
        self._now = now
        self._poster = Poster(egress, timeout_s)
        self._lanes: dict[str, Lane] = {}
        self._held: dict[str, str] = {}
        self._settled: set[str] = set()
        self._sending = asyncio.Semaphore(_ALL_AT_ONCE)
        self._done: list[Settled] = []
        self._noting: asyncio.Task[None] | None = None
        self._look = False
        self._closing = False
        self._tidied_at: datetime | None = None

    async def run_once(self) -> int:
        """Look for what is due and begin to send it. Returns how many deliveries it took up."""
        await self._tidy()
        self._look = False
        self._settled.clear()
        now, taken = rfc3339(self._now()), 0
        for host in await self._deliveries.hosts(now):
            lane = self._lanes.setdefault(host, Lane())
            room = _AHEAD - len(lane.queue)
            if room <= 0:
                self._look = True
                continue
            limit = _AHEAD + len(self._held)
            found = await self._deliveries.due(host, now, limit)
            self._look |= len(found) == limit
            for prediction_id, event in found:
                if self._may_take(prediction_id, event):
                    delivery = await self._deliveries.get(prediction_id, event)
                    taken += delivery is not None and self._take(lane, delivery)
        return taken

    def ended(self, prediction: Prediction) -> None:
        """A prediction has ended, and the outbox knows: send `completed` at once, if nothing has to go before it."""
        events = wanted(prediction.webhook, prediction.webhook_events_filter)
        if not events:
            return
        host = host_of(prediction.webhook or "")
        lane = self._lanes.setdefault(host, Lane())
        direct = "completed" in events and "start" not in events and len(lane.queue) < _AHEAD
        if not (direct and self._take(lane, Delivery.completed(prediction, host))):
            self._hints.hint(self.topic)

    async def idle(self) -> None:
        """Return when nothing is being sent."""
        while tasks := [task for lane in self._lanes.values() for task in lane.senders] or self._noted():
            await asyncio.wait(tasks)

    async def close(self, grace_s: float) -> None:
        """Send nothing more; what is on its way has grace_s to arrive, the rest stays in the outbox."""
        self._closing = True
        for lane in self._lanes.values():
            lane.queue.clear()
        senders = [task for lane in self._lanes.values() for task in lane.senders]
        if senders:
            _, late = await asyncio.wait(senders, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._noting is not None:
            await self._noting
        self._poster.close()

    def _may_take(self, prediction_id: str, event: str) -> bool:
        """Whether nothing of its prediction is on its way, nor was when it was looked for."""
        held = self._held.get(prediction_id)
        if held is not None:
            self._look |= held != event
            return False
        return prediction_id not in self._settled and not self._closing

    def _take(self, lane: Lane, delivery: Delivery) -> bool:
        """Put it in line, if it may be taken."""
        if not self._may_take(delivery.prediction.id, delivery.event):
            return False
        self._held[delivery.prediction.id] = delivery.event
        lane.queue.append(delivery)
        if len(lane.senders) < lane.width:
            task = asyncio.create_task(self._work(lane))
            lane.senders.add(task)
            task.add_done_callback(lane.senders.discard)
        return True

    async def _work(self, lane: Lane) -> None:
        """Send what stands in line until nothing does, or until the host is given fewer senders."""
        while lane.queue and len(lane.senders) <= lane.width:
            delivery = lane.queue.popleft()
            try:
                async with self._sending:
                    await self._deliver(lane, delivery)
            except BaseException:
                self._let_go(delivery)
                raise

    async def _deliver(self, lane: Lane, delivery: Delivery) -> None:
        at, clock = self._now(), asyncio.get_running_loop().time
        began = clock()
        status, fault = None, None
        try:
            request = await self._request(delivery, at)
            if request is None:
                self._let_go(delivery)
                return
            status = await self._poster.post(*request)
        except (NotPosted, RefusedTarget) as error:
            fault = str(error)
        except Exception as error:
            log.exception("the webhook failed", extra=_about(delivery))
            fault = f"the platform failed: {type(error).__name__}"
        lane.answered(status is not None)
        if status is not None and not 200 <= status < 300:
            fault = f"answered {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")
        tried = Try(delivery.tries + 1, rfc3339(at), status, round(clock() - began, 4), fault)
        settled = self._judge(delivery, tried, at)
        self._observe(settled, at)
        self._done.append(settled)
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note())

    async def _request(self, delivery: Delivery, at: datetime) -> tuple[Target, bytes] | None:
        """Whom to send what; None when a newer event has made it void."""
        prediction: Prediction | None = delivery.prediction
        if delivery.event in ("output", "logs"):
            prediction = await self._predictions.get(delivery.prediction.id)
        if prediction is None or _is_void(delivery.event, prediction):
            return None
        target = check_webhook(prediction.webhook or "", self._egress)
        base = prediction.base_url or ""
        if delivery.event == "start":
            body = encode(await self._renderer.as_it_started(prediction, base))
        else:
            body = await self._renderer.body(prediction, base)
        keys = [secret.key for secret in await self._signing.secrets(prediction.account, self._now())]
        span = webhook_of(prediction, delivery.event, delivery.tries + 1)
        request = signed(target, body, keys, delivery.webhook_id, at, span.headers() if span else {})
        return target, request

    def _observe(self, settled: Settled, at: datetime) -> None:
        delivery, tried = settled.delivery, settled.latest
        self._observed.webhook_tries[(delivery.event, settled.state)] += 1
        if settled.state == "delivered":
            happened = parse_time(_happened_at(delivery))
            self._observed.delivered(
                delivery.event, max(0.0, (at - happened).total_seconds() + tried.duration)
            )
        if self._story is not None and delivery.prediction.trace is not None:
            self._story.tried(delivery.prediction, delivery.event, at, tried)

    def _judge(self, delivery: Delivery, tried: Try, at: datetime) -> Settled:
        """What becomes of a delivery after a try that began at a moment."""
        if tried.error is None and delivery.event == "completed":
            return Settled(delivery, tried, "delivered", tried.at)
        ended = at + timedelta(seconds=tried.duration)
        if tried.error is None:
            return Settled(delivery, tried, "delivered", _after(ended, QUIET_S))
        pause_s = pause_after(delivery.event, tried.attempt)
        if pause_s is not None:
            return Settled(delivery, tried, "pending", _after(ended, pause_s))
        if delivery.event == "completed":
            facts = _about(delivery) | {"tries": tried.attempt, "reason": tried.error or ""}
            log.warning("the webhook was given up", extra=facts)
            return Settled(delivery, tried, "dead", rfc3339(ended))
        return Settled(delivery, tried, "failed", _after(ended, QUIET_S))

    async def _note(self) -> None:
        """Write down what became of tries, those of a moment together.

        While the ledger can't, it is tried again: a delivery that is not noted would be sent again at once.
        """
        await asyncio.sleep(0 if self._closing else _GATHER_S)
        while settled := self._done:
            self._done = []
            while not await self._written(settled) and not self._closing:
                await asyncio.sleep(_PAUSE_S)
            for one in settled:
                self._let_go(one.delivery)
        if self._look:
            self._look = False
            self._hints.hint(self.topic)

    async def _written(self, settled: list[Settled]) -> bool:
        try:
            await self._deliveries.settle(settled)
        except Exception:
            log.exception("%d webhooks were sent, but that could not be noted", len(settled))
            return False
        return True

    def _noted(self) -> list[asyncio.Task[None]]:
        return [] if self._noting is None or self._noting.done() else [self._noting]

    def _let_go(self, delivery: Delivery) -> None:
        """Nothing of its prediction is on its way any more; what was read before now is old."""
        self._held.pop(delivery.prediction.id, None)
        self._settled.add(delivery.prediction.id)

    async def _tidy(self) -> None:
        """Once a minute: hang up on the quiet, forget what is long over."""
        now = self._now()
        if self._tidied_at is not None and now - self._tidied_at < _TIDY_EVERY:
            return
        self._tidied_at = now
        self._poster.tidy()
        self._lanes = {h: lane for h, lane in self._lanes.items() if lane.queue or lane.senders}
        oldest = new_id(now - _KEEP, bytes)
        while await self._deliveries.prune(oldest, _PRUNED_AT_ONCE):
            await asyncio.sleep(0)


def _is_void(event: str, prediction: Prediction) -> bool:
    """Whether there is nothing to say any more: the run was lost, or `completed` says it."""
    told = "completed" in wanted(prediction.webhook, prediction.webhook_events_filter)
    superseded = prediction.status.terminal and told and event in ("output", "logs")
    return prediction.status is Status.STARTING or superseded


def _happened_at(delivery: Delivery) -> str:
    """When what it tells of came to be; for output and logs, when it was due."""
    prediction = delivery.prediction
    if delivery.event == "completed":
        return prediction.completed_at or delivery.due_at
    return (prediction.started_at or delivery.due_at) if delivery.event == "start" else delivery.due_at


def _about(delivery: Delivery) -> dict[str, str | int]:
    return {"prediction": delivery.prediction.id, "webhook": delivery.webhook_id}


def _after(moment: datetime, seconds: float) -> str:
    return rfc3339(moment + timedelta(seconds=seconds))
