"""Measuring instances, and placing the next one by what was measured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.ids import rfc3339
from mainspring.core.placement import Need
from mainspring.core.queue import Queue
from mainspring.database.sqlite import SqliteDatabase
from mainspring.launchers.gpus import Simulated
from mainspring.launchers.machine import Machine
from mainspring.launchers.processes import Process
from mainspring.records.accounts import Accounts
from mainspring.records.catalog import Catalog, Model, Version
from mainspring.records.deployments import Deployments
from mainspring.records.footprints import Footprint, Footprints
from mainspring.records.instances import Instance, Instances
from mainspring.services.gauge import Gauge
from mainspring.services.lines import Lines, Warm
from mainspring.settings import Settings

GIB = 1 << 30
MIB = 1 << 20
NOW = rfc3339(datetime(2026, 1, 1, tzinfo=UTC))
LATER = rfc3339(datetime(2026, 1, 2, tzinfo=UTC))
QUEUE = Queue("me/m", "a" * 64)


class Bench(Machine):
    """A machine whose processes and GPUs are said."""

    def __init__(self, number: int = 1) -> None:
        self.fake = Simulated.of(number, 24 * GIB)
        super().__init__(self.fake)
        self.running: list[Process] = []

    def processes(self) -> Iterable[Process]:
        return self.running

    def show(self, index: int = 0, used: int = 0, **pids: int) -> None:
        """A GPU's use; pids like p10=bytes."""
        told = {int(name[1:]): size for name, size in pids.items()}
        changed = [replace(g, used=used, processes=told) if g.index == index else g for g in self.fake.gpus]
        self.fake.gpus = tuple(changed)


class Measured:
    """A ledger, a machine, and the gauge between them."""

    def __init__(self, database: SqliteDatabase) -> None:
        self.database = database
        self.machine = Bench(2)
        self.instances = Instances(database)
        self.footprints = Footprints(database)
        self.gauge = Gauge(
            machine=self.machine,
            instances=self.instances,
            footprints=self.footprints,
            now=lambda: datetime(2026, 1, 3, tzinfo=UTC),
        )

    async def add(self, name: str, pid: int, *, worked: bool = True, devices: tuple[int, ...] = (0,)) -> None:
        await self.instances.add(
            Instance(
                id=name,
                queue=str(QUEUE),
                model=QUEUE.model,
                version=QUEUE.version,
                state="ready",
                devices=devices,
                memory=GIB,
                slots=1,
                pid=pid,
                created_at=NOW,
                ready_at=NOW,
                last_used_at=LATER if worked else NOW,
            )
        )

    async def used(self) -> dict[str, tuple[int | None, int | None]]:
        return {i.id: (i.memory_used, i.gpu_memory_used) for i in await self.instances.live()}

    async def peak(self) -> Footprint | None:
        return await Footprints(self.database).get(QUEUE.model, QUEUE.version, "prediction")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "ledger.db")
    yield database
    await database.close()


@pytest.fixture
def measured(ledger: SqliteDatabase) -> Measured:
    return Measured(ledger)


async def test_all_processes_of_an_instance_count_and_nobody_elses(measured: Measured) -> None:
    await measured.add("a", 10)
    await measured.add("b", 20)
    measured.machine.running = [Process(10, 10, 5), Process(11, 10, 7), Process(20, 20, 1), Process(9, 1, 99)]
    measured.machine.show(used=20 * GIB, p11=6 * GIB, p20=2 * GIB, p9=3 * GIB)
    assert await measured.gauge.run_once() == 2
    assert await measured.used() == {"a": (12, 6 * GIB), "b": (1, 2 * GIB)}
    assert measured.machine.taken == {0: 12 * GIB, 1: 0}


async def test_a_version_keeps_its_peak(measured: Measured) -> None:
    await measured.add("a", 10)
    for memory, gpu in ((100, 5), (300, 4), (200, 9)):
        measured.machine.running = [Process(10, 10, memory)]
        measured.machine.show(used=10, p10=gpu)
        await measured.gauge.run_once()
    assert await measured.peak() == Footprint(300, 9)
    assert await measured.used() == {"a": (200, 9)}


async def test_what_has_not_worked_yet_says_nothing_of_its_work(measured: Measured) -> None:
    await measured.add("a", 10, worked=False)
    measured.machine.running = [Process(10, 10, 100)]
    await measured.gauge.run_once()
    assert await measured.used() == {"a": (100, 0)}
    assert await measured.peak() is None


async def test_where_the_driver_names_no_processes_the_only_one_is_meant(measured: Measured) -> None:
    measured.machine.show(used=GIB)
    await measured.gauge.run_once()
    assert measured.machine.taken == {0: GIB, 1: 0}
    await measured.add("a", 10, devices=(0, 1))
    measured.machine.running = [Process(10, 10, 100)]
    measured.machine.show(0, used=6 * GIB)
    measured.machine.show(1, used=4 * GIB)
    await measured.gauge.run_once()
    assert await measured.used() == {"a": (100, 5 * GIB)}
    assert measured.machine.taken == {0: GIB, 1: 0}
    await measured.add("b", 20)
    await measured.gauge.run_once()
    assert measured.machine.taken[0] == GIB


async def need(ledger: SqliteDatabase, settings: Settings, machine: Machine, **model: Any) -> Need:
    catalog = Catalog(ledger)
    await Accounts(ledger).create_account("me", "user", "me", datetime(2026, 1, 1, tzinfo=UTC))
    given = {"visibility": "public", "hardware": "cpu", "created_at": NOW} | model
    await catalog.create_model(Model(owner="me", name="m", **given))
    version = Version(
        model="me/m",
        id=QUEUE.version,
        created_at=NOW,
        cog_version="0",
        openapi_schema={},
        predictor="p",
        slots=1,
        gpu=True,
        env={},
        source="s",
        environment="e",
    )
    await catalog.register_version("me/m", version)
    lines = Lines(settings, machine.capacity(), catalog, Deployments(ledger), Footprints(ledger))
    wanted = await lines.wanted(QUEUE, Warm({}, {}), {})
    assert wanted is not None
    return wanted.need


@pytest.mark.parametrize(
    ("model", "peak", "gpus", "memory", "gpu_memory"),
    [
        pytest.param({}, None, 1, GIB, 0, id="nothing known: all of a GPU"),
        pytest.param({"gpu_memory": 4 * GIB}, None, 1, GIB, 4 * GIB, id="declared"),
        pytest.param(
            {}, (400 * MIB, 4 * GIB), 1, 500 * MIB, int(4 * GIB * 1.15), id="measured, with some spare"
        ),
        pytest.param({"gpu_memory": 9 * GIB}, (1, 4 * GIB), 1, 1, 9 * GIB, id="declared more than measured"),
        pytest.param(
            {"gpu_memory": GIB}, (1, 4 * GIB), 1, 1, int(4 * GIB * 1.15), id="measured more than declared"
        ),
        pytest.param({}, (1, 23 * GIB), 1, 1, 24 * GIB, id="never more than there is"),
        pytest.param({"hardware": "gpu-h100-2x"}, None, 2, GIB, 0, id="as many GPUs as the hardware says"),
        pytest.param({"hardware": "gpu-h100-4x"}, None, 4, GIB, 0, id="also more than there are"),
        pytest.param({"gpus": 2, "instance_memory": 3 * GIB}, None, 2, 3 * GIB, 0, id="as the model wishes"),
    ],
)
async def test_what_the_next_instance_needs(
    measured: Measured,
    tmp_path: Path,
    model: dict[str, Any],
    peak: tuple[int, int] | None,
    gpus: int,
    memory: int,
    gpu_memory: int,
) -> None:
    if peak is not None:
        await measured.add("a", 10)
        measured.machine.running = [Process(10, 10, peak[0])]
        measured.machine.show(used=peak[1], p10=peak[1])
        await measured.gauge.run_once()
    found = await need(measured.database, Settings(data=tmp_path), measured.machine, **model)
    assert (found.gpus, found.memory, found.gpu_memory) == (gpus, memory, gpu_memory)


async def test_without_gpus_the_processor_does_it(ledger: SqliteDatabase, tmp_path: Path) -> None:
    machine = Machine(Simulated(()))
    found = await need(ledger, Settings(data=tmp_path), machine, hardware="gpu-h100-4x", gpu_memory=GIB)
    assert (found.gpus, found.gpu_memory) == (0, 0)


async def test_sharing_can_be_forbidden(ledger: SqliteDatabase, tmp_path: Path) -> None:
    found = await need(ledger, Settings(data=tmp_path, share_gpus=False), Bench(), gpu_memory=GIB)
    assert (found.gpus, found.gpu_memory) == (1, 0)
