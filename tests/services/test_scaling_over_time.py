"""The real autoscaler over a real ledger for hours of fake time; only what instances do is played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mainspring.core.ids import new_id, parse_time, rfc3339
from mainspring.core.placement import Capacity
from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.core.queue import Queue
from mainspring.database.hints import Hints
from mainspring.database.sqlite import SqliteDatabase
from mainspring.records.accounts import Accounts
from mainspring.records.catalog import Catalog, Model, Version
from mainspring.records.deployments import Deployments, Release
from mainspring.records.feed import Feed
from mainspring.records.footprints import Footprints
from mainspring.records.instances import Instance, Instances
from mainspring.records.predictions import Predictions
from mainspring.services.autoscaler import Autoscaler
from mainspring.services.lines import Lines
from mainspring.settings import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK_S = 5.0
BOOT_S = 30.0
SERVICE_S = 10.0
V = "a" * 64


class World:
    """A deployment of a model, an autoscaler with a clock of its own, and instances that are only rows."""

    def __init__(self, database: SqliteDatabase, settings: Settings) -> None:
        self.now = START
        self.catalog = Catalog(database)
        self.accounts = Accounts(database)
        self.deployments = Deployments(database)
        self.predictions = Predictions(database)
        self.instances = Instances(database)
        machine = Capacity(cpus=64, memory=1 << 40, gpus=0)
        self.autoscaler = Autoscaler(
            settings=settings,
            capacity=lambda: machine,
            hints=Hints(),
            feed=Feed(),
            lines=Lines(settings, machine, self.catalog, self.deployments, Footprints(database)),
            predictions=self.predictions,
            instances=self.instances,
            footprints=Footprints(database),
            now=lambda: self.now,
        )
        self.running: list[tuple[datetime, Prediction]] = []
        self.boots: list[float] = []
        self.waits: list[tuple[float, float]] = []
        self.due = 0.0
        self.queue = ""

    async def furnish(self, most: int) -> None:
        await self.accounts.create_account("me", "user", "me", START)
        at = rfc3339(START)
        model = Model(owner="me", name="m", visibility="public", hardware="cpu", created_at=at)
        await self.catalog.create_model(model)
        given = {"cog_version": "0", "predictor": "p", "source": "s", "environment": "e", "created_at": at}
        version = Version(model="me/m", id=V, openapi_schema={}, slots=1, gpu=False, env={}, **given)
        await self.catalog.register_version("me/m", version)
        release = Release(
            deployment="me/prod",
            number=1,
            line=1,
            model="me/m",
            version=V,
            hardware="cpu",
            min_instances=0,
            max_instances=most,
            created_by="me",
            created_at=at,
        )
        assert await self.deployments.create("me", "prod", release)
        self.queue = str(Queue("me/m", V, deployment="me/prod", release=1))

    @property
    def at_s(self) -> float:
        return (self.now - START).total_seconds()

    async def run(self, hours: float, load: Callable[[float], float]) -> None:
        while self.at_s < hours * 3600:
            await self._arrive(load(self.at_s) * TICK_S)
            await self._live()
            known = {i.id for i in await self.instances.live()}
            await self.autoscaler.run_once()
            fresh = {i.id for i in await self.instances.live()} - known
            self.boots += [self.at_s] * len(fresh)
            self.now += timedelta(seconds=TICK_S)

    async def _arrive(self, some: float) -> None:
        self.due += some
        while self.due >= 1:
            self.due -= 1
            await self.predictions.create(
                Prediction(
                    id=new_id(self.now),
                    account="me",
                    model="me/m",
                    version=V,
                    queue=self.queue,
                    source="api",
                    status=Status.STARTING,
                    input="{}",
                    created_at=rfc3339(self.now),
                    deployment="me/prod",
                )
            )

    async def _live(self) -> None:
        for ended in [one for one in self.running if one[0] <= self.now]:
            self.running.remove(ended)
            outcome = Outcome(status=Status.SUCCEEDED, output="1")
            assert await self.predictions.finish(ended[1], outcome, rfc3339(self.now))
            await self.instances.used(ended[1].instance_id or "", rfc3339(self.now))
        busy = {prediction.instance_id for _, prediction in self.running}
        for one in await self.instances.live():
            await self._play(one, one.id in busy)

    async def _play(self, one: Instance, busy: bool) -> None:
        now = rfc3339(self.now)
        if one.state == "stopping" and not busy:
            assert one.ready_at is not None, "stopped before it was ready"
            await self.instances.end(one.id, "stopped", "", now)
        elif one.state == "booting" and self.now - parse_time(one.created_at) >= timedelta(seconds=BOOT_S):
            await self.instances.ready(one.id, "", now)
        elif one.state == "ready" and not busy:
            for claimed in await self.predictions.claim(self.queue, one.id, 1, now):
                self.running.append((self.now + timedelta(seconds=SERVICE_S), claimed))
                waited = (self.now - parse_time(claimed.created_at)).total_seconds()
                self.waits.append((self.at_s, waited))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = SqliteDatabase(tmp_path / "ledger.db")
    yield World(database, Settings(data=tmp_path))
    await database.close()


async def test_a_saw_tooth_finds_its_instances_and_keeps_them(world: World) -> None:
    await world.furnish(most=4)
    await world.run(2, lambda t: 0.3 if t % 120 < 60 else 0.05)
    assert len(world.boots) <= 4
    assert max(at for at in world.boots) < 600
    assert max(wait for at, wait in world.waits if at > 600) <= 2 * TICK_S


async def test_calls_far_apart_wait_for_one_boot_and_cost_one_boot(world: World) -> None:
    await world.furnish(most=4)
    await world.run(2, lambda t: 1 / 600)
    assert len(world.boots) == 2 * 6 - 1
    assert max(wait for _, wait in world.waits) <= BOOT_S + 2 * TICK_S
    assert len(await world.instances.live()) == 0
