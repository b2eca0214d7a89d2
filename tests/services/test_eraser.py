"""What predictions took and gave goes when its time is over, not before, and all of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mainspring.core.ids import parse_time
from mainspring.database import Statement
from mainspring.launchers import LaunchSpec
from mainspring.records.retention import Due, Retention
from mainspring.services.eraser import Eraser, output_keys
from mainspring.testing import FakeCog, Run
from tests.services.conftest import INPUT, TOKEN, House, Open

FILES = {"components": {"schemas": {"Input": INPUT, "Output": {"type": "string", "format": "uri"}}}}


class Painter:
    """A model that gives a file, and fails after it when it is told to."""

    def __init__(self) -> None:
        self.house: House | None = None
        self.fails = False

    def make(self, spec: LaunchSpec) -> FakeCog:
        async def paint(run: Run) -> object:
            assert self.house is not None
            folder = self.house.launcher.root / spec.instance_id / "outbox" / "a1"
            folder.mkdir(exist_ok=True)
            (folder / "my picture.txt").write_text("painted")
            await run.log("painting\n")
            name = "mainspring-output://a1/my%20picture.txt"
            if self.fails:
                await run.output(name)
                raise RuntimeError("no paint")
            return name

        return FakeCog(paint)


@pytest.fixture
async def painter(open_house: Open) -> Painter:
    made = Painter()
    made.house = await open_house(make=made.make)
    return made


@pytest.fixture
def house(painter: Painter) -> House:
    assert painter.house is not None
    return painter.house


def objects(house: House) -> int:
    return len(list((house.platform.settings.data / "objects").glob("??/*.note")))


async def create_on_a_page(house: House, model: str) -> dict[str, Any]:
    """As somebody who is signed in does."""
    transport = httpx.ASGITransport(house.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://here", headers={"Origin": "http://here"}
    ) as browser:
        await browser.post("/login", data={"token": TOKEN, "next": "/"})
        reply = await browser.post(
            f"/v1/models/{model}/predictions", json={"input": {"text": "hi"}}, headers={"Prefer": "wait"}
        )
    made: dict[str, Any] = reply.json()
    return made


async def fetched(house: House, url: str) -> int:
    return (await house.http.get(url)).status_code


async def test_after_an_hour_nothing_is_left_but_that_it_ran(house: House) -> None:
    made = await house.create(await house.add_model(openapi=FILES), wait=True)
    assert (made["status"], made["data_removed"], made["logs"]) == ("succeeded", False, "painting\n")
    assert parse_time(made["expires_at"]) - parse_time(made["completed_at"]) == timedelta(hours=1)
    assert await fetched(house, made["output"]) == 200
    house.clock.passed += timedelta(seconds=3_590)
    assert await house.platform.eraser.run_once() == 0
    house.clock.passed += timedelta(seconds=11)
    assert await house.platform.eraser.run_once() == 1
    found = await house.get(made)
    gone = {"input": {}, "output": None, "logs": "", "data_removed": True}
    assert found == made | gone
    assert await fetched(house, made["output"]) == 404
    assert objects(house) == 0
    assert await house.platform.eraser.run_once() == 0
    stream = await house.http.get(made["urls"]["stream"])
    assert stream.text.count("event: ") == 1
    assert "event: done" in stream.text


async def test_who_dies_in_the_middle_does_it_again(house: House) -> None:
    class Dies(Retention):
        async def remove(self, prediction_ids: Sequence[str]) -> int:
            raise RuntimeError("killed")

    made = await house.create(await house.add_model(openapi=FILES), wait=True)
    house.clock.passed += timedelta(hours=2)
    platform = house.platform
    dying = Eraser(
        hints=platform.hints,
        retention=Dies(platform.database),
        objects=platform.objects,
        now=house.clock,
    )
    with pytest.raises(RuntimeError, match="killed"):
        await dying.run_once()
    assert (await house.get(made))["data_removed"] is False
    assert await platform.eraser.run_once() == 1
    assert (await house.get(made))["data_removed"] is True


async def test_what_still_runs_or_waits_keeps_its_input(open_house: Open) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model()
    running, waiting = await house.create(model), await house.create(model)
    await house.until(running, "processing")
    house.clock.passed += timedelta(days=400)
    assert await house.platform.eraser.run_once() == 0
    for made in (running, waiting):
        found = await house.get(made)
        assert (found["input"], "expires_at" in found) == ({"text": "hi"}, False)
    cog.gate.set()


async def test_models_accounts_and_pages_keep_for_as_long_as_they_like(house: House) -> None:
    model = await house.add_model(openapi=FILES)
    run: dict[str, dict[str, Any]] = {}

    async def choose(path: str, retention: str | None) -> None:
        reply = await house.http.patch(path, json={"retention": retention})
        assert (reply.status_code, reply.json()["retention"]) == (200, retention)

    run["as the settings say"] = await house.create(model, wait=True)
    run["from a page"] = await create_on_a_page(house, model)
    await choose("/account", "2h")
    run["as the account says"] = await house.create(model, wait=True)
    await choose(f"/models/{model}", "off")
    run["for ever"] = await house.create(model, wait=True)
    await choose(f"/models/{model}", "1m")
    run["as the model says"] = await house.create(model, wait=True)
    await choose(f"/models/{model}", None)
    await choose("/account", None)
    run["as at first"] = await house.create(model, wait=True)
    assert {run[name]["source"] for name in run.keys() - {"from a page"}} == {"api"}
    assert run["from a page"]["source"] == "web"
    kept: dict[str, float] = {}
    for minutes in (2, 61, 121, 90 * 24 * 60 + 1, 10**6):
        house.clock.passed = timedelta(minutes=minutes)
        await house.platform.eraser.run_once()
        for name in run.keys() - kept.keys():
            if (await house.get(run[name]))["data_removed"]:
                kept[name] = minutes
    assert kept == {
        "as the model says": 2,
        "as the settings say": 61,
        "as at first": 61,
        "as the account says": 121,
        "from a page": 90 * 24 * 60 + 1,
    }
    assert "expires_at" not in await house.get(run["for ever"])


@pytest.mark.parametrize("path", ["/account", "/models/me/m"])
@pytest.mark.parametrize("retention", ["soon", "0s", "-1h", 5])
async def test_what_is_no_retention_is_refused(house: House, path: str, retention: object) -> None:
    await house.add_model()
    reply = await house.http.patch(path, json={"retention": retention})
    assert reply.status_code in (400, 422)
    assert "retention" in reply.json()["detail"]


async def test_a_round_is_a_batch_and_the_next_one_follows_at_once(house: House) -> None:
    model = await house.add_model(openapi=FILES)
    first = await house.create(model, wait=True)
    row = await house.platform.database.fetch_one("SELECT * FROM predictions WHERE id = :id", first)
    assert row is not None
    columns = row.keys()
    copy = f"INSERT INTO predictions ({', '.join(columns)}) VALUES ({', '.join(':' + c for c in columns)})"
    copies = [
        Statement(copy, {**dict(row), "id": f"{n:026}", "keep_s": 60 + n % 3, "output": None})
        for n in range(150)
    ]
    await house.platform.database.write(*copies)
    house.clock.passed += timedelta(hours=2)
    mark = house.platform.hints.mark("eraser")
    assert await house.platform.eraser.run_once() == 100
    assert house.platform.hints.mark("eraser") != mark
    # Its own loop follows the hint too, and may be faster.
    async with asyncio.timeout(20):
        while await house.platform.database.fetch("SELECT 1 FROM predictions WHERE data_removed = 0"):
            assert await house.platform.eraser.run_once() in (0, 51)
    assert await house.platform.eraser.run_once() == 0


def test_what_a_prediction_was_given_by_the_platform_goes_with_it() -> None:
    own, other, secret = "0" * 26, "1" * 26, "a" * 52
    given = {
        "a": f"http://box/outputs/{own}/{secret}/my%20clip.wav",
        "b": f"http://box/outputs/{other}/{secret}/b",
    }
    assert output_keys(Due(own, None, json.dumps(given))) == [f"outputs/{own}/{secret}/my clip.wav"]


async def test_who_is_spared_keeps_everything(house: House) -> None:
    model = await house.add_model(openapi=FILES)
    kept, gone = await house.create(model, wait=True), await house.create(model, wait=True)
    await house.platform.database.write(
        Statement("UPDATE predictions SET kind = 'training' WHERE id = :id", {"id": kept["id"]})
    )
    spared = Retention(
        house.platform.database, spared=("EXISTS (SELECT 1 WHERE p.id = 'x')", "p.error = 'y'")
    )
    later = house.clock() + timedelta(hours=2)
    assert [one.id for one in await spared.due(later, 10)] == [gone["id"]]
    one = Retention(house.platform.database, spared=(f"p.id = '{gone['id']}'",))
    assert await one.due(later, 10) == []


async def test_what_a_receiver_has_not_been_told_of_is_kept_for_it(open_house: Open) -> None:
    house = await open_house(webhook_hosts="127.0.0.1")
    model = await house.add_model()
    asked = {"input": {"text": "hi"}, "webhook": "http://127.0.0.1:9/nobody-is-here"}
    reply = await house.http.post(f"/models/{model}/predictions", json=asked, headers={"Prefer": "wait=30"})
    house.clock.passed += timedelta(hours=2)
    assert await house.platform.eraser.run_once() == 0
    assert (await house.get(reply.json()))["output"] is not None
    await house.platform.database.write(Statement("UPDATE deliveries SET state = 'dead'", {}))
    assert await house.platform.eraser.run_once() == 1
    assert (await house.get(reply.json()))["data_removed"] is True


async def test_files_of_what_failed_go_with_it(painter: Painter, house: House) -> None:
    painter.fails = True
    model = await house.add_model(openapi=FILES)
    made = await house.create(model, wait=True)
    assert made["status"] == "failed"
    house.clock.passed += timedelta(hours=2)
    await house.platform.eraser.run_once()
    assert objects(house) == 0


async def test_files_of_others_that_an_output_names_stay(house: House, painter: Painter) -> None:
    model = await house.add_model(openapi=FILES)
    first = await house.create(model, wait=True)
    path = httpx.URL(first["output"]).raw_path.decode()
    named = f'"mainspring-output://{path.removeprefix("/outputs/")}"'
    second = await house.create(model, wait=True)
    await house.platform.database.write(
        Statement(
            "UPDATE predictions SET output = :o, keep_s = 1 WHERE id = :id", {"id": second["id"], "o": named}
        )
    )
    house.clock.passed += timedelta(minutes=1)
    assert await house.platform.eraser.run_once() == 1
    assert await fetched(house, first["output"]) == 200
