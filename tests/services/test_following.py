"""Whoever asks the same as others is answered once, whatever happens, and wherever the process dies."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mainspring.core.ids import new_id, rfc3339
from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.database.hints import Hints
from mainspring.database.sqlite import SqliteDatabase
from mainspring.objects.disk import DiskObjects
from mainspring.records.cached import Cache, keep, since
from mainspring.records.catalog import Catalog
from mainspring.records.feed import Feed
from mainspring.records.following import Following
from mainspring.records.instances import Instance, Instances
from mainspring.records.predictions import Predictions
from mainspring.records.retention import Retention
from mainspring.records.spending import Spending
from mainspring.services.followers import Followers
from tests.records.test_metering import _Dying

BEGAN = datetime(2026, 1, 31, tzinfo=UTC)
LINE = "me/m:v"
keys = st.sampled_from(["a", "b"])
picks = st.integers(0, 9)
kills = st.sampled_from([None] * 40 + list(range(10)))
crowds = st.lists(st.tuples(keys, st.sampled_from(["me", "you"]), st.booleans()), min_size=1, max_size=6)


class Crowd(RuleBasedStateMachine):
    """Requests of two accounts with two inputs come and end in every way; the process dies now and then."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory()
        self.now = BEGAN
        self._run(self._open())
        self._run(self._boot())

    def teardown(self) -> None:
        self._run(self._settle())
        self._run(self._check())
        self.erase(30)
        self._run(self._check())
        self._run(self.database.close())
        self._loop.close()
        self._folder.cleanup()

    async def _open(self) -> None:
        root = Path(self._folder.name)
        self.database = SqliteDatabase(root / "ledger")
        self.predictions, self.instances = Predictions(self.database), Instances(self.database)
        self.following, self.cache = Following(self.database), Cache(self.database)
        self.followers = Followers(
            hints=Hints(),
            feed=Feed(),
            catalog=Catalog(self.database),
            predictions=self.predictions,
            following=self.following,
            spending=Spending(self.database),
            objects=DiskObjects(root / "objects"),
            now=lambda: self.now,
        )

    async def _boot(self) -> None:
        at = rfc3339(self.now)
        self.instance = new_id(self.now)
        made = Instance(
            id=self.instance,
            queue=LINE,
            model="me/m",
            version="v",
            state="booting",
            devices=(),
            memory=1,
            slots=2,
            created_at=at,
            last_used_at=at,
            steps="[]",
        )
        await self.instances.add(made)
        await self.instances.ready(self.instance, "", at)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    def _try(self, work: Coroutine[Any, Any, Any], kill: int | None) -> None:
        """Do it; with kill, the process dies after so many statements, and another one starts."""
        self.now += timedelta(seconds=1)
        if kill is None:
            self._run(work)
            return
        dying: Any = _Dying(self.database._writer)
        dying.left, self.database._writer = kill, dying
        with contextlib.suppress(sqlite3.Error):
            self._run(work)
        dying.left = None
        self._run(self.database.close())
        self._run(self._open())
        self._run(self.followers.recover())

    @rule(crowd=crowds, kill=kills)
    def ask(self, crowd: list[tuple[str, str, bool]], kill: int | None) -> None:
        self._try(self._all_ask(crowd), kill)

    async def _all_ask(self, crowd: list[tuple[str, str, bool]]) -> None:
        for one in crowd:
            await self._ask(*one)

    async def _ask(self, key: str, account: str, seated: bool) -> None:
        self.now += timedelta(milliseconds=1)
        made = Prediction(
            id=new_id(self.now),
            account=account,
            model="me/m",
            version="v",
            queue=LINE,
            source="api",
            status=Status.STARTING,
            input="{}",
            created_at=rfc3339(self.now),
            keep_s=20,
            cache_key=key,
        )
        entry = await self.cache.find(key, since(made.created_at, 60))
        if entry is None:
            await self.predictions.create(made, self.instance if seated else None, join=True)
            return
        ended = Prediction(
            **{f: getattr(made, f) for f in made.__slots__}
            | {"status": Status.SUCCEEDED, "output": entry.source.output, "cache_key": None}
            | {"completed_at": made.created_at, "cached": "{}"}
        )
        assert await self.cache.answer(ended, key, entry)

    @rule(kill=kills)
    def claim(self, kill: int | None) -> None:
        self._try(self.predictions.claim(LINE, self.instance, 1, rfc3339(self.now)), kill)

    @rule(which=picks, status=st.sampled_from([Status.SUCCEEDED, Status.FAILED, Status.CANCELED]), kill=kills)
    def end(self, which: int, status: Status, kill: int | None) -> None:
        self._try(self._end(which, status), kill)

    async def _end(self, which: int, status: Status) -> None:
        running = await self._of("status = 'processing'")
        if not running:
            return
        found = await self.predictions.get(running[which % len(running)]["id"])
        assert found is not None
        output = f'"of {found.cache_key}"' if status is Status.SUCCEEDED else None
        outcome = Outcome(status=status, output=output, metrics='{"predict_time": 1}')
        now = rfc3339(self.now)
        await self.predictions.finish(found, outcome, now, keep(found, outcome, 0, now, 1 << 20))

    @rule(which=picks, kill=kills)
    def cancel(self, which: int, kill: int | None) -> None:
        self._try(self._cancel(which), kill)

    async def _cancel(self, which: int) -> None:
        waiting = await self._of("status = 'starting'")
        if waiting:
            chosen = waiting[which % len(waiting)]["id"]
            await self.predictions.end_waiting(chosen, Status.CANCELED, rfc3339(self.now))

    @rule(kill=kills)
    def lose(self, kill: int | None) -> None:
        self._try(self._lose(), kill)

    async def _lose(self) -> None:
        now = rfc3339(self.now)
        await self.predictions.lose_instance(self.instance, 2, "lost", now)
        await self.instances.end(self.instance, "lost", "", now)
        await self._boot()

    @rule(kill=kills)
    def look(self, kill: int | None) -> None:
        self._try(self.followers.run_once(), kill)

    @rule(seconds=st.sampled_from([5, 30]))
    def erase(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self._run(self._erase())

    async def _erase(self) -> None:
        retention = Retention(self.database)
        await retention.remove([due.id for due in await retention.due(self.now, 100)])

    async def _settle(self) -> None:
        """Until nobody waits: what is left runs."""
        for _ in range(100):
            self.now += timedelta(seconds=1)
            await self.followers.run_once()
            await self._boot()
            await self.predictions.claim(LINE, self.instance, 10, rfc3339(self.now))
            if not await self._of("status IN ('starting', 'processing')"):
                return
            await self._end(0, Status.SUCCEEDED)
        raise AssertionError("somebody waits for ever")

    async def _of(self, condition: str) -> list[dict[str, Any]]:
        sql = f"SELECT * FROM predictions WHERE {condition} ORDER BY id"
        return [dict(row) for row in await self.database.fetch(sql)]

    @invariant()
    def each_is_answered_once_and_rightly(self) -> None:
        self._run(self._check())

    async def _check(self) -> None:
        for row in await self._of("output IS NOT NULL AND cache_key IS NOT NULL"):
            assert row["output"] == f'"of {row["cache_key"]}"'
        used = [
            row["id"] for row in await self.database.fetch("SELECT id FROM usage WHERE kind = 'prediction'")
        ]
        assert sorted(used) == [row["id"] for row in await self._of("completed_at IS NOT NULL")]
        billed = await self.database.fetch(
            "SELECT u.id FROM usage u JOIN predictions p USING (id) WHERE p.cached IS NOT NULL AND u.active_us > 0"
        )
        assert billed == []
        alone = "status IN ('starting', 'processing') AND follows IS NULL AND cancel_requested_at IS NULL"
        keyed = [row["cache_key"] for row in await self._of(alone)]
        assert len(keyed) == len(set(keyed)), "one run for one key"
        assert await self._of("status = 'processing' AND follows IS NOT NULL") == []
        dead = await self.database.fetch(
            "SELECT 1 FROM cached c JOIN predictions p ON p.id = c.prediction WHERE p.data_removed = 1"
        )
        assert dead == []


CrowdTest = Crowd.TestCase
CrowdTest.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
