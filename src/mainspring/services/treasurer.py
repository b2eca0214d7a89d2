"""Watches spending: warns by webhook, stops what runs beyond a hard limit if it may, and settles idle instances."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from mainspring.core.egress import Egress, RefusedTarget, check_webhook
from mainspring.core.ids import micros, new_id, rfc3339
from mainspring.core.periods import PERIODS, began, resets
from mainspring.core.prediction import Status
from mainspring.core.pricing import tell_dollars
from mainspring.database.hints import Hints
from mainspring.records.feed import Feed
from mainspring.records.metering import Metering
from mainspring.records.predictions import Predictions
from mainspring.records.signing import Signing
from mainspring.records.spending import Spending, Standing
from mainspring.services.posting import NotPosted, Poster, signed

log = logging.getLogger(__name__)
_SETTLE_AFTER = timedelta(minutes=10)
_TELL_AGAIN_S = 60.0


class Treasurer:
    """One look at all limits. stops: whether a hard limit ends what runs."""

    topic = "spending"
    interval_s = 1.0

    def __init__(
        self,
        *,
        hints: Hints,
        feed: Feed,
        spending: Spending,
        metering: Metering,
        predictions: Predictions,
        signing: Signing,
        egress: Egress,
        now: Callable[[], datetime],
        stops: bool = False,
    ) -> None:
        self._hints = hints
        self._feed = feed
        self._spending = spending
        self._metering = metering
        self._predictions = predictions
        self._signing = signing
        self._egress = egress
        self._now = now
        self._stops = stops
        self._poster = Poster(egress)
        self._telling: dict[tuple[str, ...], asyncio.Task[None]] = {}

    async def run_once(self) -> int:
        """One round. Returns how many predictions it stopped and webhooks it began to send."""
        now, changed = self._now(), 0
        await self._metering.settle(micros(rfc3339(now - _SETTLE_AFTER)), rfc3339(now), new_id(now))
        standings = await self._spending.every(now)
        if any(standing.limit.hard is not None and standing.running for standing in standings):
            await self._spending.reserve_what_was_outgrown(now)
        for standing in standings:
            if self._stops:
                changed += await self._stop(standing, now)
            for soft in (True, False):
                changed += self._tell(standing, now, soft=soft)
        return changed

    async def told(self) -> None:
        """Return when nothing is being sent."""
        while tasks := [task for task in self._telling.values() if not task.done()]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Send nothing more; what was not told is told after the next start."""
        for task in self._telling.values():
            task.cancel()
        await asyncio.gather(*self._telling.values(), return_exceptions=True)
        self._poster.close()

    async def _stop(self, standing: Standing, now: datetime) -> int:
        """Cancel what waits and ask what runs to stop, once it would reach the hard limit if it ended now."""
        hard, stopped = standing.limit.hard, 0
        if hard is None or not standing.running:
            return 0
        unfinished = await self._spending.unfinished(standing.limit)
        if standing.spent + sum(one.cost(now) for one in unfinished) < hard:
            return 0
        for one in unfinished:
            stopped += await self._end(one.id, rfc3339(now))
        if stopped:
            log.warning(
                "%d predictions of %s are stopped: its limit is spent", stopped, standing.limit.holder
            )
        return stopped

    async def _end(self, prediction_id: str, at: str) -> bool:
        ended = await self._predictions.end_waiting(prediction_id, Status.CANCELED, at)
        if ended is not None:
            self._feed.close_waiting(ended)
            return True
        if await self._predictions.ask_cancel(prediction_id, at) is None:
            return False
        self._hints.hint("instances")
        return True

    def _tell(self, standing: Standing, now: datetime, *, soft: bool) -> int:
        """Begin to tell the webhook, once in a period; if that fails, again after a while."""
        limit = standing.limit
        heard = limit.told_soft if soft else limit.told_hard
        crossed = standing.warned if soft else _is_spent(standing)
        if not crossed or limit.webhook is None or (heard or "") >= began(limit.period, now):
            return 0
        key = (limit.scope, limit.holder, limit.period, str(soft))
        if key in self._telling and not self._telling[key].done():
            return 0
        self._telling[key] = asyncio.create_task(self._post(standing, now, soft=soft))
        return 1

    async def _post(self, standing: Standing, now: datetime, *, soft: bool) -> None:
        limit = standing.limit
        try:
            target = check_webhook(limit.webhook or "", self._egress)
            body = json.dumps(_event(standing, now, soft=soft)).encode()
            keys = [secret.key for secret in await self._signing.secrets(standing.account, now)]
            request = signed(target, body, keys, f"limit-{new_id(now)}", now)
            status = await self._poster.post(target, request)
            if 200 <= status < 300:
                await self._spending.told(limit, soft=soft, now=now)
                return
            fault = f"answered {status}"
        except (NotPosted, RefusedTarget) as error:
            fault = str(error)
        log.warning("the webhook of the limit of %s was not told: %s", limit.holder, fault)
        await asyncio.sleep(_TELL_AGAIN_S)


def _is_spent(standing: Standing) -> bool:
    """Whether the hard limit is reached by what was spent, not only by what may be."""
    return standing.limit.hard is not None and standing.spent >= standing.limit.hard


def _event(standing: Standing, now: datetime, *, soft: bool) -> dict[str, Any]:
    limit = standing.limit
    amount = (limit.soft if soft else limit.hard) or 0
    return {
        "type": "spending.soft_limit_reached" if soft else "spending.limit_reached",
        "account": standing.account,
        "token": limit.holder if limit.scope == "token" else None,
        "period": PERIODS[limit.period],
        "limit": tell_dollars(amount),
        "spent": tell_dollars(standing.spent),
        "resets_at": rfc3339(resets(limit.period, now)),
    }
