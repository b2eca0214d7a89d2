"""The fleet: who sees which instances, what the machine has, and stopping one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.core.ids import rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.core.queue import Queue
from mainspring.records.instances import Instance
from mainspring.settings import Settings
from tests.api.house import START, House

V = "a" * 64
GIB = 1 << 30


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, account="ada")


async def add(house: House, name: str, queue: Queue, **given: Any) -> Instance:
    at = rfc3339(START)
    fields: dict[str, Any] = {"state": "ready", "devices": (0,), "memory": GIB, "slots": 2, "created_at": at}
    instance = Instance(
        id=name,
        queue=str(queue),
        model=queue.model,
        version=queue.version,
        last_used_at=at,
        **fields | given,
    )
    await house.context.instances.add(instance)
    return instance


async def test_instances_machine_and_queues(house: House, ada: httpx.AsyncClient) -> None:
    line = Queue("bob/m", V, deployment="bob/prod", release=3)
    await add(house, "one", line, gpu_memory=4 * GIB, memory_used=5, gpu_memory_used=6, cause="1 waits")
    await house.context.predictions.create(
        Prediction(
            id="p",
            account="bob",
            model="bob/m",
            version=V,
            queue=str(line),
            source="api",
            status=Status.STARTING,
            input="{}",
            created_at=rfc3339(START),
        )
    )
    fleet = (await ada.get("/fleet")).json()
    (one,) = fleet["instances"]
    assert (one["model"], one["deployment"], one["release"], one["state"]) == (
        "bob/m",
        "bob/prod",
        3,
        "ready",
    )
    assert one["memory"] == {"reserved": GIB, "used": 5}
    assert one["gpu_memory"] == {"reserved": 4 * GIB, "used": 6}
    assert (one["devices"], one["slots"], one["running"], one["cause"]) == ([0], 2, 0, "1 waits")
    assert "setup_logs" not in one
    (gpu,) = fleet["machine"]["gpus"]
    assert (gpu["memory_total"], gpu["memory_reserved"], gpu["instances"]) == (24 * GIB, 4 * GIB, ["one"])
    assert fleet["machine"]["memory"]["reserved"] == GIB
    assert 0 < fleet["machine"]["memory"]["available"] <= fleet["machine"]["memory"]["total"]
    (queue,) = fleet["queues"]
    assert (queue["waiting"], queue["oldest"], queue["release"]) == (1, rfc3339(START), 3)


async def test_others_see_their_own(house: House, bob: httpx.AsyncClient) -> None:
    await add(house, "hers", Queue("ada/m", V))
    await add(house, "his", Queue("bob/m", V), devices=())
    await add(house, "deployed", Queue("ada/m", V, deployment="bob/prod", release=1))
    fleet = (await bob.get("/fleet")).json()
    assert {i["id"]: i["gpu_memory"] for i in fleet["instances"]} == {
        "his": None,
        "deployed": {"reserved": None, "used": None},
    }
    assert fleet["machine"]["gpus"][0]["instances"] == ["deployed"]
    assert (await bob.get("/fleet/hers")).status_code == 404
    assert (await bob.post("/fleet/hers/stop")).status_code == 404
    assert (await house.context.instances.live())[0].state == "ready"


async def test_nobody_sees_nothing(nobody: httpx.AsyncClient) -> None:
    assert (await nobody.get("/fleet")).status_code == 401


async def test_one_instance_stops_by_hand_and_shows_its_logs(house: House, ada: httpx.AsyncClient) -> None:
    await add(house, "one", Queue("ada/m", V), state="booting")
    await house.context.instances.ready("one", "loaded\n", rfc3339(START))
    assert (await ada.get("/fleet/one")).json()["setup_logs"] == "loaded\n"
    stopped = (await ada.post("/fleet/one/stop")).json()
    assert (stopped["state"], stopped["reason"]) == ("stopping", "stopped by hand")
    await house.context.instances.end("one", "", "loaded\n", rfc3339(START))
    again = (await ada.post("/fleet/one/stop")).json()
    assert (again["state"], again["reason"]) == ("ended", "stopped by hand")
    fleet = (await ada.get("/fleet")).json()
    assert (fleet["instances"], [i["id"] for i in fleet["ended"]]) == ([], ["one"])
    assert (await ada.get("/fleet/none")).status_code == 404
