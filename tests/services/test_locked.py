"""Another process writes into the ledger, a backup perhaps: what is to be written waits, everything else goes on."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator

import pytest

from tests.services.conftest import House, Open, eventually

either = pytest.mark.parametrize("durable", [False, True], ids=["in the loop", "durable"])


@contextlib.contextmanager
def held(house: House) -> Iterator[None]:
    """As by `BEGIN IMMEDIATE` in a shell."""
    ledger = house.platform.settings.data / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@either
async def test_creates_wait_for_it_and_what_only_reads_does_not(open_house: Open, durable: bool) -> None:
    house = await open_house(durable=durable)
    model = await house.add_model()
    first = await house.create(model, wait=True)
    with held(house):
        creating = [asyncio.create_task(house.create(model)) for _ in range(5)]
        async with asyncio.timeout(10):
            for path in (
                "http://here/health",
                "/predictions",
                f"/predictions/{first['id']}",
                "/fleet",
                "/tokens",
            ):
                assert (await house.http.get(path)).status_code == 200, path
        assert not any(task.done() for task in creating)
    made = await asyncio.gather(*creating)
    for prediction in made:
        assert (await house.until(prediction, "succeeded", "failed"))["output"] == "hi"
    listed = [one["id"] for one in (await house.http.get("/predictions")).json()["results"]]
    assert sorted(listed) == sorted([first["id"], *(one["id"] for one in made)])


@either
async def test_who_waits_too_long_gets_503_once_and_nothing_is_made(
    open_house: Open, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainspring.database.sqlite._PATIENCE_S", 1.0)
    house = await open_house(durable=durable)
    model = await house.add_model()
    await house.create(model, wait=True)
    path, body, key = f"/models/{model}/predictions", {"input": {"text": "hi"}}, {"Idempotency-Key": "k"}
    began = asyncio.get_running_loop().time()
    with held(house):
        replies = await asyncio.gather(*(house.http.post(path, json=body, headers=h) for h in (key, {})))
        patch = await house.http.patch(f"/models/{model}", json={"description": "new"})
    assert asyncio.get_running_loop().time() - began < 10
    problem = {"detail": "The platform can't take this now; try again shortly.", "status": 503}
    for reply in (*replies, patch):
        assert (reply.status_code, reply.json()) == (503, problem)
        assert reply.headers["content-type"] == "application/problem+json"
    assert len((await house.http.get("/predictions")).json()["results"]) == 1
    again = [(await house.http.post(path, json=body, headers=key)).json()["id"] for _ in range(2)]
    assert again[0] == again[1]
    assert (await house.until({"id": again[0]}, "succeeded", "failed"))["output"] == "hi"
    assert len((await house.http.get("/predictions")).json()["results"]) == 2
    assert len(house.launcher.launches) == 1


@either
async def test_a_run_that_ends_meanwhile_keeps_its_result_and_its_instance(
    open_house: Open, durable: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mainspring.database.sqlite._PATIENCE_S", 0.2)
    house = await open_house(durable=durable)
    model = await house.add_model()
    await house.create(model, wait=True)
    (cog,) = house.launcher.cogs.values()
    cog.gate.clear()
    made = await house.create(model)
    await cog.until(lambda: cog.running == [made["id"]])
    with held(house):
        cog.gate.set()
        await cog.until(lambda: cog.completed[-1:] == [made["id"]])

        async def tried() -> bool:
            return "trying again" in caplog.text

        await eventually(tried)
        assert (await house.get(made))["status"] == "processing"
    assert (await house.until(made, "succeeded", "failed"))["output"] == "hi"
    assert cog.completed.count(made["id"]) == 1
    assert (await house.create(model, wait=True))["status"] == "succeeded"
    assert len(house.launcher.launches) == 1
