"""One instance's trouble is its own: nobody else waits for it, and nothing boots that is not needed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.prediction import Prediction
from mainspring.launchers import Launched, LaunchSpec
from mainspring.records.feed import Feed, Seat
from mainspring.services.attempt import Attempt
from mainspring.testing import FakeCog
from tests.services.conftest import Open, eventually, gated


async def test_who_waited_for_a_boot_has_not_waited_for_a_second_one(open_house: Open) -> None:
    """Two calls, one boot that takes a minute: the second call gets its half second first, then its instance."""
    gate, cog = asyncio.Event(), FakeCog(status="STARTING")
    cog.gate = gate
    house = await open_house(make=lambda spec: cog if not house.launcher.cogs else gated(gate))
    model = await house.add_model(max_instances=3)
    first, second = await house.create(model), await house.create(model)
    await eventually(lambda: asyncio.sleep(0, house.launcher.cogs))
    house.clock.passed += timedelta(seconds=60)
    await house.platform.autoscaler.run_once()
    cog.status = "READY"
    await house.until(first, "processing")
    await house.platform.autoscaler.run_once()
    assert len(house.launcher.launches) == 1
    house.clock.passed += timedelta(seconds=0.6)
    await house.platform.autoscaler.run_once()
    await eventually(lambda: asyncio.sleep(0, len(house.launcher.launches) == 2))
    gate.set()
    await house.until(second, "succeeded")


async def test_an_instance_that_can_not_be_ended_at_once_is_ended_later(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left as it is, its row would be ready for ever, and what it ran would stand in a line that nobody serves."""
    monkeypatch.setattr("mainspring.services.director._BURY_AGAIN_S", 0.01)
    gate = asyncio.Event()
    house = await open_house(make=lambda spec: gated(gate))
    made = await house.create(await house.add_model())
    await house.until(made, "processing")
    terminate, faults = house.launcher.terminate, [OSError("busy"), TimeoutError()]

    async def fails_twice(instance: Launched, grace_s: float) -> None:
        if faults:
            raise faults.pop()
        await terminate(instance, grace_s)

    monkeypatch.setattr(house.launcher, "terminate", fails_twice)
    await house.launcher.die(next(iter(house.launcher.cogs)))
    gate.set()
    assert (await house.until(made, "succeeded", "failed"))["output"] == "hi"
    assert not faults


async def test_a_model_that_does_not_answer_a_cancel_holds_up_nobody(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()

    async def never(_attempt: Attempt) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Attempt, "cancel", never)

    def make(spec: LaunchSpec) -> FakeCog:
        return gated(gate) if len(house.launcher.launches) == 1 else FakeCog()

    house = await open_house(make=make)
    made = await house.create(await house.add_model("a"))
    await house.until(made, "processing")
    canceling = asyncio.create_task(house.http.post(f"/predictions/{made['id']}/cancel"))
    await asyncio.wait_for(asked.wait(), 30)
    assert (await house.create(await house.add_model("b"), wait=True))["status"] == "succeeded"
    gate.set()
    await canceling


async def test_a_line_that_can_not_be_looked_after_does_not_stop_the_others(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()
    bad, good = await house.add_model("bad"), await house.add_model("good")
    wanted = house.platform.autoscaler._lines.wanted

    async def stumbles(queue: Any, *more: Any) -> Any:
        if queue.model == bad:
            raise RuntimeError("no such line")
        return await wanted(queue, *more)

    monkeypatch.setattr(house.platform.autoscaler._lines, "wanted", stumbles)
    await house.create(bad)
    assert (await house.create(good, wait=True))["status"] == "succeeded"
    with pytest.raises(ExceptionGroup, match="1 lines"):
        await house.platform.autoscaler.run_once()


class _Free:
    """A seat that is always free."""

    id = "one"

    def reserve(self) -> bool:
        return True

    def release(self) -> None:
        """Nothing is held."""

    def begin(self, prediction: Prediction) -> None:
        """Nothing runs."""


def test_a_line_is_empty_again_whoever_is_counted_first() -> None:
    """An instance may claim what its creator has not counted yet; one left over would close the short way for all."""
    feed = Feed()
    given: Seat = _Free()
    feed.offer("q", given)
    feed.moved("q", -1)
    feed.moved("q", 1)
    assert (feed.waiting("q"), feed.reserve("q")) == (0, given)
