"""A server of Cog's that answers nothing: found out within seconds, whatever it was doing, and nothing else is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from mainspring.launchers import LaunchSpec
from mainspring.testing import FakeCog, Run
from tests.services.conftest import STREAM, House, Open, eventually

PATIENCE_S, HEALTH = 0.1, "/health-check"
DEAD = "Healthcheck error: protocol error: healthcheck channel closed"
FROZEN = "healthcheck timed out"


def hung(cog: FakeCog) -> None:
    cog.awake.clear()


def first_is(cog: FakeCog) -> Callable[[LaunchSpec], FakeCog]:
    """The first instance is that one, those after it are well."""
    cogs = [cog]
    return lambda spec: cogs.pop() if cogs else FakeCog()


async def with_one_ready(open_house: Open, cog: FakeCog) -> tuple[House, str]:
    """A house with an idle instance of its model, which is that one."""
    house = await open_house(make=first_is(cog), health_timeout_s=PATIENCE_S)
    model = await house.add_model()
    await house.create(model, wait=True)
    return house, model


async def missed(house: House, caplog: pytest.LogCaptureFixture, count: int) -> None:
    """Return when so many questions in a row have been missed since caplog was cleared."""

    async def look() -> bool:
        house.platform.hints.hint("instances")
        return f"{count} of 3" in caplog.text

    await eventually(look)


async def ended(house: House, count: int = 1) -> list[dict[str, Any]]:
    """What the fleet says of instances that ended, once there are so many."""

    async def look() -> Any:
        house.platform.hints.hint("instances")
        found = (await house.http.get("/fleet")).json()["ended"]
        return found if len(found) >= count else None

    found: list[dict[str, Any]] = await eventually(look)
    return found


async def test_what_comes_to_a_hanging_instance_runs_on_another(
    open_house: Open, caplog: pytest.LogCaptureFixture
) -> None:
    cog = FakeCog()
    house, model = await with_one_ready(open_house, cog)
    hung(cog)
    with caplog.at_level(logging.WARNING):
        made = await house.create(model)
        (gone,) = await ended(house)
    said = "Cog's server did not answer a health check within 0.1 s"
    assert gone["reason"] == f"The instance of the model was lost: {said}, 3 times in a row."
    assert [f"{said}, {n} of 3" in caplog.text for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert (await house.until(made, "succeeded", "failed"))["output"] == "hi"
    assert len(house.launcher.launches) == 2


async def test_what_it_ran_is_queued_again_and_given_up_after_the_last_attempt(
    open_house: Open, caplog: pytest.LogCaptureFixture
) -> None:
    async def hangs_itself(run: Run) -> object:
        await run.output("a")
        await run.log("so far\n")
        hung(cogs[-1])
        return "never heard"

    cogs: list[FakeCog] = []

    def make(_spec: LaunchSpec) -> FakeCog:
        cogs.append(FakeCog(hangs_itself))
        return cogs[-1]

    house = await open_house(make=make, health_timeout_s=PATIENCE_S, max_attempts=2)
    made = await house.create(await house.add_model(openapi=STREAM))
    gone = await ended(house, 2)
    final = await house.until(made, "failed")
    assert final["error"] == gone[0]["reason"]
    assert caplog.text.count(f"the prediction runs again: {final['error']}") == 1
    assert "did not answer a health check" in final["error"]
    assert final["logs"] == "so far\n"
    assert len(house.launcher.launches) == 2


async def test_an_idle_instance_that_hangs_goes_and_nothing_boots_without_work(open_house: Open) -> None:
    cog = FakeCog()
    house, _ = await with_one_ready(open_house, cog)
    hung(cog)
    await ended(house)
    assert (await house.http.get("/fleet")).json()["instances"] == []
    assert len(house.launcher.launches) == 1


async def test_a_cancel_is_done_though_nobody_hears_of_it(open_house: Open) -> None:
    """Two run there; the canceled one ends after its grace, the other one does not wait for ever to be lost with it."""
    cog = FakeCog(slots=2)
    cog.gate.clear()
    house = await open_house(make=first_is(cog), health_timeout_s=PATIENCE_S, cancel_grace_s=30)
    model = await house.add_model(slots=2)
    canceled, other = await house.create(model), await house.create(model)
    await cog.until(lambda: len(cog.running) == 2)
    hung(cog)
    asked = asyncio.create_task(house.http.post(f"/predictions/{canceled['id']}/cancel"))
    await ended(house)
    await house.until(canceled, "canceled")
    assert (await house.until(other, "succeeded", "failed"))["output"] == "hi"
    assert (await asked).json()["status"] in ("canceled", "processing")


@pytest.mark.parametrize(
    ("misbehave", "words"),
    [
        pytest.param(hung, "did not answer a health check", id="hangs"),
        pytest.param(
            lambda cog: setattr(cog, "garbled", (200, "<html>")), "with something else", id="garbage"
        ),
        pytest.param(lambda cog: setattr(cog, "garbled", (500, {"a": 1})), "with something else", id="500"),
        pytest.param(lambda cog: setattr(cog, "status", "DEFUNCT"), "", id="defunct"),
        pytest.param(
            lambda cog: (setattr(cog, "status", "UNHEALTHY"), setattr(cog, "error", DEAD)), DEAD, id="dead"
        ),
    ],
)
async def test_who_waits_for_a_boot_that_hangs_is_told(
    open_house: Open, misbehave: Callable[[FakeCog], object], words: str
) -> None:
    cog = FakeCog(status="STARTING", setup_logs="[coglet::setup] loading\n")
    house = await open_house(make=first_is(cog), health_timeout_s=PATIENCE_S)
    made = await house.create(await house.add_model())
    await cog.until(lambda: cog.asked[HEALTH] > 0)
    misbehave(cog)
    final = await house.until(made, "failed")
    assert final["error"].startswith("Model setup failed")
    assert words in final["error"]
    assert len(house.launcher.launches) == 1


@pytest.mark.parametrize(
    ("misbehave", "words"),
    [
        pytest.param(
            lambda cog: setattr(cog, "garbled", (200, "<html>")), "with something else", id="garbage"
        ),
        pytest.param(lambda cog: setattr(cog, "error", DEAD), "the process of the model is gone.", id="dead"),
        pytest.param(lambda cog: setattr(cog, "error", FROZEN), "though it ran nothing", id="frozen"),
        pytest.param(lambda cog: cog.deaf.update({HEALTH, "/"}), "did not answer", id="silent"),
    ],
)
async def test_an_idle_instance_that_could_run_nothing_goes(
    open_house: Open, misbehave: Callable[[FakeCog], object], words: str
) -> None:
    cog = FakeCog()
    house, _ = await with_one_ready(open_house, cog)
    misbehave(cog)
    cog.status = "UNHEALTHY"
    (gone,) = await ended(house)
    assert words in gone["reason"]


async def test_an_instance_in_doubt_is_given_nothing_until_it_answers(
    open_house: Open, caplog: pytest.LogCaptureFixture
) -> None:
    cog = FakeCog()
    house, model = await with_one_ready(open_house, cog)
    hung(cog)
    await missed(house, caplog, 1)
    waits = await house.create(model)
    cog.awake.set()
    assert (await house.until(waits, "succeeded", "failed"))["output"] == "hi"
    caplog.clear()
    cog.status, cog.error = "UNHEALTHY", FROZEN
    await missed(house, caplog, 1)
    moves = await house.create(model)
    assert (await house.until(moves, "succeeded", "failed"))["output"] == "hi"
    assert list(cog.received)[1:] == [waits["id"]]
    assert len(house.launcher.launches) == 2


@pytest.mark.parametrize("error", [FROZEN, "Healthcheck failed: user-defined healthcheck returned False"])
async def test_an_instance_at_work_goes_on_whatever_its_model_says_of_itself(
    open_house: Open, error: str
) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog, health_timeout_s=PATIENCE_S)
    made = await house.create(await house.add_model())
    await house.until(made, "processing")
    cog.status, cog.error = "UNHEALTHY", error
    before = cog.asked[HEALTH]

    async def asked() -> bool:
        house.platform.hints.hint("instances")
        return cog.asked[HEALTH] > before + 5

    await eventually(asked)
    cog.gate.set()
    assert (await house.until(made, "succeeded", "failed"))["output"] == "hi"
    assert len(house.launcher.launches) == 1


async def test_two_misses_are_forgiven(open_house: Open, caplog: pytest.LogCaptureFixture) -> None:
    """A machine that sleeps, or has no time for it, makes each instance miss; the next answer is all that counts."""
    cog = FakeCog()
    house, model = await with_one_ready(open_house, cog)
    for _ in range(2):
        caplog.clear()
        hung(cog)
        await missed(house, caplog, 2)
        asked = cog.asked[HEALTH]
        cog.awake.set()
        await cog.until(lambda asked=asked: cog.asked[HEALTH] > asked)
    assert (await house.create(model, wait=True))["status"] == "succeeded"
    assert len(house.launcher.launches) == 1


async def test_nobody_is_asked_where_it_is_switched_off(open_house: Open) -> None:
    cog = FakeCog()
    house = await open_house(make=lambda spec: cog, health_timeout_s=0)
    await house.create(await house.add_model(), wait=True)
    asked = cog.asked[HEALTH]
    for _ in range(3):
        await house.platform.director.run_once()
        await asyncio.sleep(0)
    assert cog.asked[HEALTH] == asked
