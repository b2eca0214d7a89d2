"""A town for tests: the real autoscaler over a real ledger for hours of fake time, with many models on a few GPUs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mainspring.core.ids import new_id, parse_time, rfc3339
from mainspring.core.placement import Capacity, Device
from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.database.hints import Hints
from mainspring.database.sqlite import SqliteDatabase
from mainspring.records.accounts import Accounts
from mainspring.records.catalog import Catalog, Model, Version
from mainspring.records.deployments import Deployments
from mainspring.records.feed import Feed
from mainspring.records.footprints import Footprints
from mainspring.records.instances import Instance, Instances
from mainspring.records.predictions import Predictions
from mainspring.services.autoscaler import Autoscaler
from mainspring.services.lines import Lines
from mainspring.settings import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK_S = 5.0
GIB = 1 << 30


@dataclass
class Shop:
    """A model and its customers. gib: of GPU memory on each of its gpus, 0 for all; load: calls a second at a time."""

    name: str
    load: Callable[[float], float]
    gib: int = 0
    gpus: int = 1
    boot_s: float = 30.0
    service_s: float = 5.0
    min_instances: int = 0
    due: float = 0.0
    boots: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def version(self) -> str:
        return (self.name.encode().hex() + "0" * 64)[:64]

    @property
    def queue(self) -> str:
        return f"me/{self.name}:{self.version}"


class Town:
    """Instances are rows; each takes boot_s to get ready and service_s for a prediction."""

    def __init__(self, database: SqliteDatabase, settings: Settings, gpus: int, gib: int = 24) -> None:
        self.now = START
        self.shops: dict[str, Shop] = {}
        self.catalog = Catalog(database)
        self.accounts = Accounts(database)
        self.predictions = Predictions(database)
        self.instances = Instances(database)
        self.machine = Capacity(64, 1 << 40, gpus, tuple(Device(i, gib * GIB) for i in range(gpus)))
        footprints = Footprints(database)
        self.autoscaler = Autoscaler(
            settings=settings,
            capacity=lambda: self.machine,
            hints=Hints(),
            feed=Feed(),
            lines=Lines(settings, self.machine, self.catalog, Deployments(database), footprints),
            predictions=self.predictions,
            instances=self.instances,
            footprints=footprints,
            now=lambda: self.now,
        )
        self.running: list[tuple[datetime, Prediction]] = []
        self.booting_s = 0.0

    async def open(self, *shops: Shop) -> None:
        await self.accounts.create_account("me", "user", "me", START)
        at = rfc3339(START)
        given = {"cog_version": "0", "predictor": "p", "source": "s", "environment": "e", "created_at": at}
        for shop in shops:
            self.shops[shop.queue] = shop
            model = Model(
                owner="me",
                name=shop.name,
                visibility="public",
                hardware="cpu",
                created_at=at,
                gpus=shop.gpus,
                gpu_memory=shop.gib * GIB or None,
                min_instances=shop.min_instances,
            )
            await self.catalog.create_model(model)
            version = Version(
                model=f"me/{shop.name}",
                id=shop.version,
                openapi_schema={},
                slots=1,
                gpu=True,
                env={},
                **given,
            )
            await self.catalog.register_version(f"me/{shop.name}", version)

    @property
    def at_s(self) -> float:
        return (self.now - START).total_seconds()

    async def run(self, hours: float) -> None:
        while self.at_s < hours * 3600:
            for shop in self.shops.values():
                await self._arrive(shop)
            await self._live()
            known = {i.id for i in await self.instances.live()}
            await self.autoscaler.run_once()
            live = await self.instances.live()
            for fresh in (i for i in live if i.id not in known):
                self.shops[fresh.queue].boots.append(self.at_s)
            self.booting_s += TICK_S * sum(i.state == "booting" for i in live)
            self._check(live)
            self.now += timedelta(seconds=TICK_S)

    def _check(self, live: list[Instance]) -> None:
        """No GPU is promised twice, at any moment."""
        for device in self.machine.devices:
            here = [i for i in live if device.index in i.devices]
            if any(not i.gpu_memory for i in here):
                assert len(here) == 1
            assert sum(i.gpu_memory for i in here) <= device.memory
        assert all(len(set(i.devices)) == self.shops[i.queue].gpus for i in live)

    async def _arrive(self, shop: Shop) -> None:
        shop.due += shop.load(self.at_s) * TICK_S
        while shop.due >= 1:
            shop.due -= 1
            await self.predictions.create(
                Prediction(
                    id=new_id(self.now),
                    account="me",
                    model=f"me/{shop.name}",
                    version=shop.version,
                    queue=shop.queue,
                    source="api",
                    status=Status.STARTING,
                    input="{}",
                    created_at=rfc3339(self.now),
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
            await self._play(one, self.shops[one.queue], one.id in busy)

    async def _play(self, one: Instance, shop: Shop, busy: bool) -> None:
        now = rfc3339(self.now)
        booted = parse_time(one.created_at) + timedelta(seconds=shop.boot_s)
        if one.state == "stopping" and not busy:
            assert one.ready_at is not None, "stopped before it was ready"
            await self.instances.end(one.id, "stopped", "", now)
        elif one.state == "booting" and self.now >= booted:
            await self.instances.ready(one.id, "", now)
        elif one.state == "ready" and not busy:
            for claimed in await self.predictions.claim(one.queue, one.id, 1, now):
                self.running.append((self.now + timedelta(seconds=shop.service_s), claimed))
                shop.waits.append((self.now - parse_time(claimed.created_at)).total_seconds())

    async def waiting(self) -> dict[str, int]:
        """How many wait now, by shop."""
        return {
            self.shops[queue].name: line.waiting for queue, line in (await self.predictions.lines()).items()
        }
