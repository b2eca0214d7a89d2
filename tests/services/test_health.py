"""Health and readiness say what is so: each part is broken here, and is told to be, and the others not."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from typing import Any

import pytest

from tests.services.conftest import House, Open, eventually


async def asked(house: House, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """(status, parts), looked at afresh."""
    house.platform.health._seen = None
    reply = await house.http.get(f"http://here{path}", headers=headers)
    told = reply.json()
    assert told["status"] == ("ok" if reply.status_code == 200 else "failing")
    return reply.status_code, told["parts"]


async def failing(house: House, path: str = "/ready") -> list[str]:
    status, parts = await asked(house, path)
    found = [name for name, part in parts.items() if part["status"] != "ok"]
    assert (status == 503) == bool(found)
    return found


async def test_a_well_server_is_ready_in_every_part(open_house: Open) -> None:
    house = await open_house()
    house.platform.health.listeners = lambda: {"HTTP": True, "HTTPS": True}
    status, parts = await asked(house, "/ready")
    assert status == 200
    assert {
        "process",
        "ledger",
        "objects",
        "launcher",
        "listeners",
        "loop director",
        "loop webhooks",
    } <= parts.keys()
    assert len([name for name in parts if name.startswith("loop ")]) == len(house.platform._loops)
    assert "are free" in parts["objects"]["detail"]
    assert (await asked(house, "/health"))[0] == 200


async def test_strangers_hear_which_part_but_not_why(open_house: Open) -> None:
    house = await open_house(metrics_token="scrape-me")
    house.launcher.refuse = "no namespaces in /srv/secret-place"
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer ms_unknownunknownunknown"}):
        status, parts = await asked(house, "/ready", **headers)
        assert (status, parts["launcher"]) == (503, {"status": "failing"})
    _, parts = await asked(house, "/ready", Authorization="Bearer scrape-me")
    assert "no namespaces" in parts["launcher"]["detail"]


@pytest.mark.parametrize("durable", [False, True])
async def test_a_locked_ledger_takes_the_server_out_but_does_not_kill_it(
    open_house: Open, durable: bool
) -> None:
    house = await open_house(durable=durable)
    other = sqlite3.connect(house.platform.settings.data / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await failing(house) == ["ledger"]
    assert await failing(house, "/health") == []
    other.execute("ROLLBACK")
    other.close()
    assert await failing(house) == []


async def test_a_full_disk_and_a_lost_directory_are_told(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()
    full = shutil.disk_usage("/")._replace(free=100 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    _, parts = await asked(house, "/ready")
    assert parts["objects"] == {"status": "failing", "detail": "100 MiB are free, and 512 MiB are to be"}
    monkeypatch.undo()
    assert await failing(house) == []
    shutil.rmtree(house.platform.settings.data / "objects" / "drafts")
    assert await failing(house) == ["objects"]


async def test_a_loop_that_fails_again_and_again_is_told_and_one_that_ended_is_dead(open_house: Open) -> None:
    house = await open_house()
    healthy = house.platform.gauge.run_once

    async def broken() -> int:
        raise RuntimeError("no instruments")

    house.platform.gauge.run_once = broken  # type: ignore[method-assign]
    house.platform.gauge.interval_s = 0.01

    async def told() -> bool:
        return await failing(house) == ["loop gauge"]

    await eventually(told)
    assert await failing(house, "/health") == []
    _, parts = await asked(house, "/ready")
    assert "failures in a row: RuntimeError: no instruments" in parts["loop gauge"]["detail"]
    house.platform.gauge.run_once = healthy  # type: ignore[method-assign]

    async def well() -> bool:
        return await failing(house) == []

    await eventually(well)
    janitor = next(task for task in house.platform._loops if task.get_name() == "janitor")
    janitor.cancel()
    await asyncio.wait([janitor])
    assert await failing(house, "/health") == ["janitor"]


async def test_a_server_that_stops_is_not_ready_but_alive(open_house: Open) -> None:
    house = await open_house()
    house.platform.feed.stopping = True
    _, parts = await asked(house, "/ready")
    assert parts["process"] == {"status": "failing", "detail": "stopping"}
    assert await failing(house, "/health") == []


async def test_a_listener_that_went_is_told(open_house: Open) -> None:
    house = await open_house()
    house.platform.health.listeners = lambda: {"HTTP": True, "HTTPS": False}
    _, parts = await asked(house, "/ready")
    assert parts["listeners"]["detail"] == "HTTPS does not listen"


async def test_many_probes_look_once(open_house: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await open_house()
    beats: list[int] = []
    check = house.platform.database.check

    async def counted() -> None:
        beats.append(1)
        await check()

    monkeypatch.setattr(house.platform.database, "check", counted)
    house.platform.health._seen = None
    replies = await asyncio.gather(*(house.http.get("http://here/ready") for _ in range(20)))
    assert {reply.status_code for reply in replies} == {200}
    assert len(beats) == 1
