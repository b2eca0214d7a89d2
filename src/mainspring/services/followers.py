"""Sees to those who wait for another's run: they end as it did, or one of them runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from mainspring.core.caching import metrics_of_answer, shares_end
from mainspring.core.ids import parse_time, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.database.hints import Hints
from mainspring.objects import Objects
from mainspring.records.cached import Entry, age_s, told
from mainspring.records.catalog import Catalog
from mainspring.records.feed import Feed
from mainspring.records.following import Following
from mainspring.records.predictions import Predictions
from mainspring.records.spending import Spending
from mainspring.services.copies import copied, drop_copies

log = logging.getLogger(__name__)
_TOGETHER = 50
_LIMIT_REACHED = "The spending limit was reached before it could run."


class Followers:
    """Looks for leaders that have ended; a hint says when one did."""

    topic = "followers"
    interval_s = 0.5

    def __init__(
        self,
        *,
        hints: Hints,
        feed: Feed,
        catalog: Catalog,
        predictions: Predictions,
        following: Following,
        spending: Spending,
        objects: Objects,
        now: Callable[[], datetime],
    ) -> None:
        self._hints = hints
        self._feed = feed
        self._catalog = catalog
        self._predictions = predictions
        self._following = following
        self._spending = spending
        self._objects = objects
        self._now = now

    def ended(self, prediction: Prediction) -> None:
        """Somebody may have waited for it."""
        if prediction.cache_key is not None:
            self._hints.hint(self.topic)

    async def recover(self) -> None:
        """What leaders say from now on, their followers of an earlier process say as well."""
        for follower in await self._following.all():
            leader = await self._predictions.get(follower.follows or "")
            if leader is not None and not leader.status.terminal:
                self._feed.open(leader.id)
            await self._join(follower.follows or "", follower)

    async def run_once(self) -> int:
        """One round. Returns how many followers it ended or let run."""
        changed = 0
        for leader in await self._following.left():
            followers = await self._following.of(leader)
            sharing = [one for one in followers if shares_end(leader, one)]
            ended = await self._end(leader, sharing) if sharing else 0
            # Whoever could not be given the result, or does not share a failure, has to see to one of his own.
            left = await self._following.of(leader) if ended < len(followers) else []
            changed += ended + (await self._go_on(leader, left) if left else 0)
        return changed

    async def _end(self, leader: Prediction, followers: Sequence[Prediction]) -> int:
        entry = await self._following.entry(leader) if leader.status is Status.SUCCEEDED else None
        ended = 0
        for first in range(0, len(followers), _TOGETHER):
            some = followers[first : first + _TOGETHER]
            ended += sum(await asyncio.gather(*(self._end_one(leader, one, entry) for one in some)))
        return ended

    async def _end_one(self, leader: Prediction, follower: Prediction, entry: Entry | None) -> int:
        """1 if it has ended."""
        now = self._now()
        if entry is None:
            same = replace(follower, status=leader.status, error=leader.error, logs=leader.logs)
            return await self._write(leader, same, None)
        output = await copied(self._objects, leader, follower.id)
        if output is None:
            return 0
        old_s = age_s(entry, rfc3339(now))
        waited_s = (now - parse_time(follower.created_at)).total_seconds()
        answered = replace(
            follower,
            status=Status.SUCCEEDED,
            output=output,
            logs=leader.logs,
            metrics=metrics_of_answer(leader.metrics, waited_s, old_s),
            cached=told(entry, follower, old_s, joined=True),
        )
        done = await self._write(leader, answered, entry)
        if not done:
            await drop_copies(self._objects, follower.id, output)
        return done

    async def _write(self, leader: Prediction, ended: Prediction, entry: Entry | None) -> int:
        final = await self._following.end(leader, ended, entry, rfc3339(self._now()))
        if final is None:
            return 0
        self._feed.close(final)
        return 1

    async def _go_on(self, leader: Prediction, followers: Sequence[Prediction]) -> int:
        """Let them follow another run with the same key, else the oldest of them run and the others follow it."""
        another = await self._following.rejoin(leader)
        if another is None:
            return await self._promote(leader, followers)
        for follower in followers:
            await self._join(another, follower)
        return len(followers)

    async def _promote(self, leader: Prediction, followers: Sequence[Prediction]) -> int:
        oldest, *others = followers
        admission = (self._spending.admission(oldest, self._now()),) if oldest.price else ()
        chosen = await self._following.promote(leader, oldest, admission)
        if chosen is None:
            return await self._refuse(leader, oldest) if admission else 0
        self._feed.open(chosen.id).restart()
        for follower in others:
            await self._join(chosen.id, follower)
        self._feed.moved(chosen.queue, 1)
        self._hints.hint_one(f"queue:{chosen.queue}")
        self._hints.hint("scale")
        log.info("prediction %s runs: %s, which it waited for, was %s", chosen.id, leader.id, leader.status)
        return 1

    async def _refuse(self, leader: Prediction, follower: Prediction) -> int:
        """Its account may not spend more, or it was canceled; the next one is looked at in the next round."""
        refused = replace(follower, status=Status.FAILED, error=_LIMIT_REACHED)
        done = await self._write(leader, refused, None)
        self._hints.hint(self.topic)
        return done

    async def _join(self, leader_id: str, follower: Prediction) -> None:
        """Readers of the follower read along; files are shown once they are its own."""
        self._feed.open(follower.id)
        version = await self._catalog.get_version(follower.model, follower.version)
        if version is not None and not self._catalog.output_kind(version).has_files:
            self._feed.follow(leader_id, follower.id)
