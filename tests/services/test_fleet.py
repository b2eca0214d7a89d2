"""How many instances run, and which have to go."""

from __future__ import annotations

import asyncio
import os

from tests.services.conftest import House, Open, eventually, gated


async def states(house: House) -> list[str]:
    return [i.state for i in await house.platform.ledger.instances.live()]


async def test_idle_instances_stop_and_come_back_when_called(open_house: Open) -> None:
    house = await open_house(idle_timeout_s=0.0)
    model = await house.add_model()
    await house.create(model, wait=True)
    await eventually(lambda: asyncio.sleep(0, bool(house.launcher.terminated)))
    assert (await house.create(model, wait=True))["status"] == "succeeded"
    assert len(house.launcher.launches) == 2


async def test_min_instances_are_kept_warm(open_house: Open) -> None:
    house = await open_house(idle_timeout_s=0.0)
    await house.add_model(min_instances=1)

    async def ready() -> bool:
        return await states(house) == ["ready"]

    await eventually(ready)
    await house.platform.autoscaler.run_once()
    assert await ready()


async def test_a_line_that_waits_gets_more_instances_up_to_the_maximum(open_house: Open) -> None:
    gate = asyncio.Event()
    house = await open_house(make=lambda spec: gated(gate))
    model = await house.add_model(max_instances=2)
    made = [await house.create(model) for _ in range(6)]
    await eventually(lambda: asyncio.sleep(0, len(house.launcher.launches) == 2))
    await house.platform.autoscaler.run_once()
    gate.set()
    for prediction in made:
        await house.until(prediction, "succeeded")
    assert len(house.launcher.launches) == 2


async def test_an_idle_instance_of_another_model_makes_room(open_house: Open) -> None:
    cores = 2.0
    house = await open_house(instance_cpus=cores)
    first, second = await house.add_model("a"), await house.add_model("b")
    await house.create(first, wait=True)
    assert (await house.create(second, wait=True))["status"] == "succeeded"
    assert len(house.launcher.terminated) == (1 if house.platform.machine.cpus < 2 * cores else 0)


async def test_what_can_never_fit_is_told_so(open_house: Open) -> None:
    house = await open_house(instance_memory=1 << 60)
    made = await house.create(await house.add_model(), wait=True)
    assert made["status"] == "failed"
    assert "can't run on this machine" in made["error"]


async def test_a_restart_ends_what_was_left_and_runs_it_again(open_house: Open) -> None:
    gate = asyncio.Event()
    house = await open_house(make=lambda spec: gated(gate))
    made = await house.create(await house.add_model())
    await house.until(made, "processing")
    left = (await house.platform.ledger.instances.live())[0]
    await house.platform.database.close()
    later = await open_house()
    assert later.launcher.reaped == [left.pid]
    assert (await later.until(made, "succeeded"))["output"] == "hi"


async def test_models_that_fit_share_a_gpu_and_others_wait_for_room(open_house: Open) -> None:
    gib = 1 << 30
    house = await open_house(gpus="2x24", instance_cpus=0.1)
    models = {"a": 10, "b": 10, "c": 20, "d": 20}
    for name, size in models.items():
        path = await house.add_model(name, gpus=1, gpu_memory=size * gib, hardware="gpu")
        assert (await house.create(path, wait=True))["status"] == "succeeded"
    assert [spec.devices for spec in house.launcher.launches][:3] == [(0,), (0,), (1,)]
    assert [spec.gpu_memory for spec in house.launcher.launches][:3] == [10 * gib, 10 * gib, 20 * gib]
    assert len(house.launcher.terminated) >= 1
    assert {spec.threads for spec in house.launcher.launches} <= set(range(1, 1 + (os.cpu_count() or 1)))
    fleet = (await house.http.get("/fleet")).json()
    assert fleet["instances"][-1]["model"] == "me/d"
    assert fleet["instances"][-1]["gpu_memory"]["reserved"] == 20 * gib
    assert fleet["instances"][-1]["cause"].startswith("1 waiting")
    assert fleet["ended"][0]["reason"] == "room for me/d"
    assert all(gpu["memory_reserved"] <= gpu["memory_total"] for gpu in fleet["machine"]["gpus"])


async def test_a_model_for_two_gpus_gets_both_and_four_are_too_many(open_house: Open) -> None:
    house = await open_house(gpus="2x80")
    two = await house.add_model("two", hardware="gpu-h100-2x")
    assert (await house.create(two, wait=True))["status"] == "succeeded"
    assert (house.launcher.launches[0].devices, house.launcher.launches[0].gpu_memory) == ((0, 1), 0)
    four = await house.create(await house.add_model("four", hardware="gpu-h100-4x"), wait=True)
    assert "it needs 4 GPU, this machine has 2" in four["error"]
