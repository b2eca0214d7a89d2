"""Deadlines: what was not over in time is aborted if it never ran, canceled if it did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.ids import parse_time
from mainspring.testing import FakeCog
from tests.services.conftest import Open


async def test_what_waits_past_its_deadline_is_aborted_and_what_runs_is_canceled(open_house: Open) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model(max_instances=1)
    running = await house.create(model, **{"Cancel-After": "1m"})
    await house.until(running, "processing")
    waiting = await house.create(model, **{"Cancel-After": "1m"})
    patient = await house.create(model)
    made_at = parse_time(waiting["created_at"])
    assert parse_time(waiting["deadline"]) - made_at == timedelta(minutes=1)
    assert "deadline" not in patient
    house.clock.passed += timedelta(seconds=61)
    ended = await house.until(waiting, "aborted")
    assert (ended["output"], ended["error"], "started_at" in ended) == (None, None, False)
    assert (await house.until(running, "canceled"))["metrics"]["total_time"] > 60
    cog.gate.set()
    assert (await house.until(patient, "succeeded"))["output"] == "hi"


async def test_what_ran_once_is_canceled_even_if_it_waits_again(open_house: Open) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model(max_instances=1)
    made = await house.create(model, **{"Cancel-After": "1m"})
    await house.until(made, "processing")
    house.launcher.make = lambda spec: FakeCog(status="STARTING")
    await house.launcher.die(next(iter(house.launcher.cogs)))
    await house.until(made, "starting")
    house.clock.passed += timedelta(seconds=61)
    assert (await house.until(made, "canceled", "aborted"))["status"] == "canceled"


async def test_nobody_is_aborted_without_a_deadline(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="STARTING"), setup_timeout_s=0.2)
    made = await house.create(await house.add_model(), wait=True)
    assert made["status"] == "failed"


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("5s", {}, 5),
        ("1h30m45s", {}, 5445),
        ("90", {}, 90),
        ("24h", {}, 86_400),
        (None, {"lifetime": "5m"}, 300),
        (None, {"lifetime": 60}, 60),
        ("10s", {"lifetime": "5m"}, 10),
    ],
)
async def test_the_deadline_is_in_the_header_or_in_the_body(
    open_house: Open, header: str | None, body: dict[str, Any], seconds: int
) -> None:
    house = await open_house()
    model = await house.add_model()
    headers = {} if header is None else {"Cancel-After": header}
    reply = await house.http.post(f"/models/{model}/predictions", json={"input": {}, **body}, headers=headers)
    made = reply.json()
    assert parse_time(made["deadline"]) - parse_time(made["created_at"]) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["4s", "25h", "soon", "-5s", "9" * 5000, "1.5h", "\u0665m"])
async def test_what_is_no_deadline_is_refused(open_house: Open, text: str) -> None:
    house = await open_house()
    model = await house.add_model()
    headers = {b"Cancel-After": text.encode()}
    reply = await house.http.post(f"/models/{model}/predictions", json={"input": {}}, headers=headers)
    assert (reply.status_code, "Cancel-After" in reply.json()["detail"]) == (400, True)
