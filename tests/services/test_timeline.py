"""Where a prediction's time went: each moment is there once it has come, in order, and only then."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

from mainspring.testing import FakeCog, Run
from tests.services.conftest import FILE, STREAM, House, Open, eventually, painting

MOMENTS = (
    "queued_at",
    "booting_at",
    "setup_at",
    "started_at",
    "first_output_at",
    "uploading_at",
    "completed_at",
)


def order(timeline: dict[str, Any]) -> list[str]:
    """The names of the moments that came, by time; a tie keeps their usual order."""
    return sorted((m for m in MOMENTS if m in timeline), key=lambda m: timeline[m])


async def test_the_first_one_waits_for_a_boot_and_the_next_one_does_not(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(stream_two))
    model = await house.add_model(openapi=STREAM)
    first = await house.create(model, wait=True)
    timeline = first["timeline"]
    came = [m for m in MOMENTS if m != "uploading_at"]
    assert order(timeline) == came
    assert [step["name"] for step in timeline["steps"]] == [
        "environment found",
        "process started",
        "server answering",
        "ready",
    ]
    times = [step["at"] for step in timeline["steps"]]
    assert times == sorted(times)
    assert timeline["queued_at"] == first["created_at"]
    assert timeline["started_at"] == first["started_at"]
    assert timeline["completed_at"] == first["completed_at"]
    assert (await house.get(first))["timeline"] == timeline
    second = await house.create(model, wait=True)
    assert order(second["timeline"]) == ["queued_at", "started_at", "first_output_at", "completed_at"]
    assert "steps" not in second["timeline"]


async def stream_two(run: Run) -> object:
    await run.output("a")
    await run.output("b")
    return None


async def test_the_boot_is_told_while_it_goes_on(open_house: Open) -> None:
    cog = FakeCog(status="STARTING")
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model()
    made = [await house.create(model) for _ in range(3)]

    async def answering() -> Any:
        found = (await house.get(made[2]))["timeline"]
        return found if "setup_at" in found else None

    timeline = await eventually(answering)
    assert [step["name"] for step in timeline["steps"]][-1] == "server answering"
    assert (timeline["queue_position"], timeline["estimate_s"]) == (3, None)
    assert "started_at" not in timeline
    assert (await house.get(made[0]))["timeline"]["queue_position"] == 1
    await house.http.post(f"/predictions/{made[0]['id']}/cancel")
    assert (await house.get(made[2]))["timeline"]["queue_position"] == 2
    cog.status = "READY"
    ended = await house.until(made[2], "succeeded")
    assert "queue_position" not in ended["timeline"]
    assert "estimate_s" not in ended["timeline"]


async def test_a_line_is_estimated_from_what_ran_before(open_house: Open) -> None:
    cog = FakeCog()
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model(max_instances=1)
    cog.gate.clear()
    slow = await house.create(model)
    await house.until(slow, "processing")
    house.clock.passed += timedelta(seconds=40)
    cog.gate.set()
    await house.until(slow, "succeeded")
    cog.gate.clear()
    await house.until(await house.create(model), "processing")
    waiting = [await house.create(model) for _ in range(2)]
    told = [(await house.get(p))["timeline"] for p in waiting]
    assert [t["queue_position"] for t in told] == [1, 2]
    assert 39 < told[0]["estimate_s"] < 42
    assert 78 < told[1]["estimate_s"] < 84
    cog.gate.set()


async def test_first_output_is_told_while_it_runs(open_house: Open) -> None:
    more = asyncio.Event()

    async def halting(run: Run) -> object:
        await run.output("a")
        await more.wait()
        return None

    house = await open_house(make=lambda spec: FakeCog(halting))
    made = await house.create(await house.add_model(openapi=STREAM))

    async def begun() -> Any:
        found = await house.get(made)
        return found if found["output"] else None

    found = await eventually(begun)
    assert found["status"] == "processing"
    first = found["timeline"]["first_output_at"]
    assert "booting_at" in found["timeline"]
    more.set()
    assert (await house.until(made, "succeeded"))["timeline"]["first_output_at"] == first


async def test_files_are_uploaded_before_it_is_complete(open_house: Open) -> None:
    opened: list[House] = []
    opened.append(await open_house(make=painting(opened)))
    made = await opened[0].create(await opened[0].add_model(openapi=FILE), wait=True)
    timeline = made["timeline"]
    assert timeline["started_at"] <= timeline["uploading_at"] <= timeline["completed_at"]


async def test_a_boot_that_failed_is_told_by_those_who_waited(open_house: Open) -> None:
    cog = FakeCog(status="SETUP_FAILED", error="no weights")
    house = await open_house(make=lambda spec: cog)
    made = await house.create(await house.add_model(), wait=True)
    assert made["status"] == "failed"
    assert order(made["timeline"]) == ["queued_at", "booting_at", "setup_at", "completed_at"]
    assert made["timeline"]["steps"][-1]["name"] == "server answering"


async def test_waits_say_where_the_time_went(open_house: Open) -> None:
    cog = FakeCog()
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model(max_instances=1)

    async def phases(prefer: str) -> dict[str, float]:
        reply = await house.http.post(
            f"/models/{model}/predictions", json={"input": {}}, headers={"Prefer": prefer}
        )
        header = reply.headers.get("server-timing", "")
        found = re.findall(r"(\w+);dur=(\d+\.\d+)(?:, |$)", header)
        return {name: float(ms) for name, ms in found}

    cold = await phases("wait")
    assert list(cold) == ["queue", "boot", "setup", "run"]
    warm = await phases("wait")
    assert list(warm) == ["queue", "run"]
    cog.gate.clear()
    assert (await phases("wait=1"))["run"] > 900
    assert (await phases("wait=1"))["queue"] > 900
    assert await phases("respond-async") == {}
    cog.gate.set()


class TestMetrics:
    async def test_a_stream_of_text_is_measured_and_counts_are_whole(self, open_house: Open) -> None:
        async def talk(run: Run) -> object:
            await run.output("a", "b", "c")
            return None

        house = await open_house(make=lambda spec: FakeCog(talk))
        made = await house.create(await house.add_model(openapi=STREAM), wait=True)
        metrics = made["metrics"]
        assert 0 <= metrics["time_to_first_token"] <= metrics["predict_time"] <= metrics["total_time"]
        assert abs(metrics["tokens_per_second"] - 3 / metrics["predict_time"]) < 1

    async def test_what_the_model_says_goes_first(self, open_house: Open) -> None:
        async def talk(run: Run) -> object:
            await run.metric("time_to_first_token", 0.25)
            await run.metric("output_token_count", 12.0)
            await run.metric("input_token_count", 3)
            await run.output("a")
            return None

        house = await open_house(make=lambda spec: FakeCog(talk))
        made = await house.create(await house.add_model(openapi=STREAM), wait=True)
        metrics = made["metrics"]
        assert metrics["time_to_first_token"] == 0.25
        assert (repr(metrics["output_token_count"]), metrics["input_token_count"]) == ("12", 3)
        assert abs(metrics["tokens_per_second"] - 12 / metrics["predict_time"]) < 1

    async def test_what_gives_one_text_has_no_first_token(self, open_house: Open) -> None:
        house = await open_house()
        made = await house.create(await house.add_model(), wait=True)
        assert made["metrics"].keys() == {"predict_time", "total_time"}
