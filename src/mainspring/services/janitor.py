"""Ends what is overdue and removes what has expired."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from mainspring.core.ids import rfc3339
from mainspring.core.prediction import Status
from mainspring.database.hints import Hints
from mainspring.objects import Objects
from mainspring.records.accounts import Accounts
from mainspring.records.answers import Answers
from mainspring.records.audit import Audit
from mainspring.records.feed import Feed
from mainspring.records.files import Files
from mainspring.records.instances import Instances
from mainspring.records.predictions import Predictions

log = logging.getLogger(__name__)
_KEEP_INSTANCES = timedelta(days=7)
_KEEP_DRAFTS = timedelta(days=1)
_TIDY_EVERY = timedelta(minutes=1)


class Janitor:
    """Deadlines at once, expired files and old rows once a minute."""

    topic = "deadlines"
    interval_s = 0.5

    def __init__(
        self,
        *,
        hints: Hints,
        feed: Feed,
        accounts: Accounts,
        answers: Answers,
        audit: Audit,
        audit_retention_s: float,
        predictions: Predictions,
        instances: Instances,
        files: Files,
        objects: Objects,
        now: Callable[[], datetime],
    ) -> None:
        self._hints = hints
        self._feed = feed
        self._accounts = accounts
        self._answers = answers
        self._audit = audit
        self._audit_kept = timedelta(seconds=audit_retention_s)
        self._predictions = predictions
        self._instances = instances
        self._files = files
        self._objects = objects
        self._now = now
        self._tidied_at: datetime | None = None

    async def run_once(self) -> int:
        """One round. Returns how many predictions and files it ended."""
        now = self._now()
        changed = await self._enforce_deadlines(rfc3339(now))
        if self._tidied_at is None or now - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = now
            changed += await self._expire_files(now)
            await self._answers.sweep(rfc3339(now))
            await self._accounts.touch(now)
            if self._audit_kept:
                await self._audit.sweep(now - self._audit_kept)
            await asyncio.to_thread(self._objects.sweep, (now - _KEEP_DRAFTS).timestamp())
            await self._instances.prune(rfc3339(now - _KEEP_INSTANCES))
        return changed

    async def _enforce_deadlines(self, now: str) -> int:
        """Past its deadline a prediction that never ran is aborted, any other canceled."""
        changed = 0
        for prediction in await self._predictions.due(now):
            status = Status.CANCELED if prediction.attempt else Status.ABORTED
            ended = await self._predictions.end_waiting(prediction.id, status, now)
            if ended is not None:
                self._feed.close_waiting(ended)
                changed += 1
            elif await self._predictions.ask_cancel(prediction.id, now) is not None:
                self._hints.hint("instances")
                changed += 1
        return changed

    async def _expire_files(self, now: datetime) -> int:
        expired = await self._files.expired(now)
        for file in expired:
            await self._objects.delete(f"files/{file.id}")
            await self._files.delete(file.id, file.account)
        return len(expired)
