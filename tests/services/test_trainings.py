"""Trainings, from the request to the version that they make, with a model that is a fake."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring.records.catalog import Model
from mainspring.records.predictions import Predictions
from mainspring.testing import FakeCog, Run, WorkerCrash
from tests.services.conftest import House, Open, eventually
from tests.services.school import TRAINABLE, School, add_trainable, train, until


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path / "instances")


@pytest.fixture
async def house(open_house: Open, school: School) -> House:
    made = await open_house(make=school.make)
    await made.platform.ledger.catalog.create_model(
        Model(
            owner="me", name="tuned", visibility="public", hardware="cpu", created_at="2026-01-01T00:00:00Z"
        )
    )
    return made


async def test_a_training_makes_a_version_whose_setup_gets_what_was_learned(
    house: House, school: School
) -> None:
    base = await add_trainable(house)
    reply = await train(house, base)
    assert reply.status_code == 201, reply.text
    made = reply.json()
    own = f"http://here/v1/trainings/{made['id']}"
    assert reply.headers["location"] == own
    assert made["urls"] == {"get": own, "cancel": f"{own}/cancel", "web": f"http://here/p/{made['id']}"}
    assert (made["status"], made["model"], made["version"]) == ("starting", base.model, base.id)
    assert "data_removed" not in made
    ended = await until(house, made, "succeeded", "failed")
    assert (ended["status"], ended["logs"], ended["error"]) == ("succeeded", "epoch 1\n", None)
    assert school.given == {"epochs": 2}
    used = await house.platform.ledger.usage.of_run(made["id"])
    assert used is not None
    assert (used.kind, used.status, used.setup_us) == ("training", "succeeded", 0)
    assert used.active_us > 0
    path, _, version_id = ended["output"]["version"].partition(":")
    assert path == "me/tuned"
    assert len(version_id) == 64
    assert ended["output"]["loss"] == 0.5
    weights = await house.http.get(ended["output"]["weights"])
    assert weights.content == b"learned"
    version = (await house.http.get("/models/me/tuned")).json()["latest_version"]
    assert version["id"] == version_id
    assert version["openapi_schema"] == TRAINABLE
    assert (await house.create("me/tuned", wait=True))["output"] == "learned"
    assert (await house.create(base.model, wait=True))["output"] == "base hi"


async def test_it_runs_in_an_instance_of_its_own_that_trains(house: House) -> None:
    base = await add_trainable(house)
    assert (await house.create(base.model, wait=True))["status"] == "succeeded"
    made = (await train(house, base)).json()
    await until(house, made, "succeeded")
    _, spec = house.launcher.launches
    assert (spec.trains, spec.predictor, spec.slots) == (True, "train.py:train", 1)
    assert spec.document is not None
    assert b'"Input":{"type":"object","properties":{"data"' in spec.document
    await eventually(lambda: asyncio.sleep(0, spec.instance_id in house.launcher.terminated))
    assert len(house.launcher.cogs) == 1


async def test_a_prediction_and_a_training_of_one_id(house: House, school: School) -> None:
    base = await add_trainable(house)
    made = (await train(house, base)).json()
    ended = await until(house, made, "succeeded")
    assert (await house.get(made)) == ended
    assert (await house.http.get("/predictions")).json()["results"] == []
    assert [t["id"] for t in (await house.http.get("/trainings")).json()["results"]] == [made["id"]]
    prediction = await house.create(base.model, wait=True)
    for path in (f"/trainings/{prediction['id']}", "/trainings/nothing"):
        assert (await house.http.get(path)).status_code == 404
    assert (await house.http.post(f"/trainings/{prediction['id']}/cancel")).status_code == 404
    house.platform.ledger.catalog.forget()
    assert (await house.http.get(f"/models/{base.model}")).json()["run_count"] == 1


async def test_a_hundred_a_page(house: House) -> None:
    base = await add_trainable(house)
    house.launcher.refuse = "not now"
    made = [(await train(house, base)).json()["id"] for _ in range(101)]
    first = (await house.http.get("/trainings")).json()
    assert [t["id"] for t in first["results"]] == made[:0:-1]
    rest = (await house.http.get(first["next"])).json()
    assert ([t["id"] for t in rest["results"]], rest["next"]) == (made[:1], None)


async def test_what_is_refused(house: House) -> None:
    base = await add_trainable(house)
    told = "The specified training destination does not exist"
    for destination in ("me/nothing", "you/tuned", "tuned", "", "me/tuned:1"):
        reply = await train(house, base, destination)
        assert (reply.status_code, reply.json()["detail"]) == (404, told)
    reply = await house.http.post(f"/models/{base.model}/versions/{base.id}/trainings", json={"input": {}})
    assert (reply.status_code, reply.json()["invalid_fields"][0]["description"]) == (
        422,
        "destination is required",
    )
    for given in (
        {},
        {"epochs": "many"},
        {"epochs": 10},
        {"epochs": 1, "text": "x"},
        {"epochs": 1, "data": "/etc"},
    ):
        reply = await train(house, base, input=given)
        assert (reply.status_code, reply.json()["title"]) == (422, "Input validation failed")
    plain = await house.add_model("plain")
    version = (await house.platform.ledger.catalog.list_versions(plain, None, 1)).items[0]
    reply = await train(house, version)
    assert reply.status_code == 400
    assert "can't be trained" in reply.json()["detail"]
    assert (await train(house, replace(base, id="0" * 64))).status_code == 404
    assert (await house.http.get("/trainings")).json()["results"] == []


async def test_logs_are_live_and_cancel_ends_it(house: House, school: School) -> None:
    base = await add_trainable(house)
    school.gate.clear()
    made = (await train(house, base)).json()

    async def logs() -> Any:
        return (await house.http.get(f"/trainings/{made['id']}")).json()["logs"]

    assert await eventually(logs) == "epoch 1\n"
    reply = await house.http.post(f"/trainings/{made['id']}/cancel")
    assert (reply.status_code, reply.json()["status"]) == (200, "canceled")
    assert (await house.http.get("/models/me/tuned")).json()["latest_version"] is None
    await eventually(lambda: asyncio.sleep(0, not house.launcher.cogs))


async def test_one_that_is_canceled_while_it_boots_leaves_no_instance(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="STARTING"))
    base = await add_trainable(house, "tuned")
    made = (await train(house, base)).json()
    await eventually(lambda: asyncio.sleep(0, len(house.launcher.cogs)))
    await house.http.post(f"/trainings/{made['id']}/cancel")
    await eventually(lambda: asyncio.sleep(0, not house.launcher.cogs))
    assert len(house.launcher.launches) == 1


async def test_the_authors_exception_fails_it_at_once(open_house: Open) -> None:
    async def failing(run: Run) -> object:
        raise ValueError("no data")

    house = await open_house(make=lambda spec: FakeCog(failing))
    base = await add_trainable(house, "tuned")
    made = (await train(house, base)).json()
    ended = await until(house, made, "failed")
    assert (ended["error"], ended["output"]) == ("no data", None)
    assert len(house.launcher.launches) == 1
    assert len((await house.http.get("/models/me/tuned/versions")).json()["results"]) == 1


@pytest.mark.parametrize("output", ["words", {"loss": 1}, {"weights": None}, None])
async def test_one_without_weights_failed(open_house: Open, output: object) -> None:
    async def empty(run: Run) -> object:
        return output

    house = await open_house(make=lambda spec: FakeCog(empty))
    base = await add_trainable(house, "tuned")
    ended = await until(house, (await train(house, base)).json(), "failed", "succeeded")
    assert ended["status"] == "failed"
    assert "`weights` is a file" in ended["error"]


async def test_an_instance_that_dies_is_replaced_and_the_training_begins_again(
    house: House, school: School
) -> None:
    base = await add_trainable(house)
    school.gate.clear()
    made = (await train(house, base)).json()
    await until(house, made, "processing")
    await house.launcher.die(next(iter(house.launcher.cogs)))
    await eventually(lambda: asyncio.sleep(0, len(house.launcher.launches) == 2))
    school.gate.set()
    ended = await until(house, made, "succeeded", "failed")
    assert (ended["status"], ended["logs"]) == ("succeeded", "epoch 1\n")


async def test_one_that_kills_its_instances_is_given_up(open_house: Open) -> None:
    async def crashing(run: Run) -> object:
        raise WorkerCrash

    house = await open_house(make=lambda spec: FakeCog(crashing), max_attempts=2)
    base = await add_trainable(house, "tuned")
    ended = await until(house, (await train(house, base)).json(), "failed")
    assert ended["error"]
    assert len(house.launcher.launches) == 2


async def test_it_has_a_time_limit_of_its_own(open_house: Open, school: School) -> None:
    school.gate.clear()
    house = await open_house(make=school.make, train_timeout_s=0.3)
    base = await add_trainable(house, "tuned")
    ended = await until(house, (await train(house, base)).json(), "failed")
    assert (ended["error"], ended["logs"]) == ("Training timed out.", "epoch 1\n")


async def test_a_restart_begins_it_again(open_house: Open, school: School) -> None:
    house = await open_house(make=school.make)
    base = await add_trainable(house, "tuned")
    school.gate.clear()
    made = (await train(house, base)).json()
    await until(house, made, "processing")
    await house.platform.stop(0)
    school.gate.set()
    again = await open_house(make=school.make)
    ended = await until(again, made, "succeeded", "failed")
    assert ended["status"] == "succeeded"
    assert (await again.create("me/tuned", wait=True))["output"] == "learned"


async def test_so_many_at_once(open_house: Open, school: School) -> None:
    school.gate.clear()
    house = await open_house(make=school.make, max_trainings=1)
    base = await add_trainable(house, "tuned")
    first, second = [(await train(house, base)).json() for _ in range(2)]
    await until(house, first, "processing")
    await house.platform.autoscaler.run_once()
    assert len(house.launcher.launches) == 1
    school.gate.set()
    await until(house, first, "succeeded")
    await until(house, second, "succeeded")
    assert len(house.launcher.launches) == 2


async def test_the_same_weights_are_the_same_version_and_others_another(house: House, school: School) -> None:
    base = await add_trainable(house)
    ended = [await until(house, (await train(house, base)).json(), "succeeded") for _ in range(2)]
    school.content = b"other"
    ended.append(await until(house, (await train(house, base)).json(), "succeeded"))
    first, again, other = [each["output"]["version"] for each in ended]
    assert first == again != other
    assert len((await house.http.get("/models/me/tuned/versions")).json()["results"]) == 2


async def test_what_was_made_can_be_trained_further(house: House, school: School) -> None:
    base = await add_trainable(house)
    ended = await until(house, (await train(house, base)).json(), "succeeded")
    made = await house.platform.ledger.catalog.get_version(*ended["output"]["version"].split(":"))
    assert made is not None
    assert made.base == f"{base.model}:{base.id}"
    school.content = b"learned more"
    further = await until(house, (await train(house, made)).json(), "succeeded")
    assert house.launcher.launches[-1].weights is not None
    assert further["output"]["version"] != ended["output"]["version"]
    assert (await house.create("me/tuned", wait=True))["output"] == "learned more"


async def test_who_sees_that_a_training_has_ended_runs_what_it_made(
    house: House, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = await add_trainable(house)
    await until(house, (await train(house, base)).json(), "succeeded")
    assert (await house.create("me/tuned", wait=True))["output"] == "learned"
    finish, seen = Predictions.finish, asyncio.Event()

    async def learn_late_that_it_is_written(*given: Any, **more: Any) -> Any:
        ended = await finish(*given, **more)
        if given[1].kind == "training":
            await seen.wait()
        return ended

    monkeypatch.setattr(Predictions, "finish", learn_late_that_it_is_written)
    school.content = b"learned more"
    await until(house, (await train(house, base)).json(), "succeeded")
    assert (await house.create("me/tuned", wait=True))["output"] == "learned more"
    seen.set()


async def test_a_version_that_is_trained_stays_and_its_end_takes_the_weights_along(
    house: House, school: School
) -> None:
    base = await add_trainable(house)
    await house.platform.ledger.catalog.update_model("me", "base", {"visibility": "private"})
    await house.platform.ledger.catalog.update_model("me", "tuned", {"visibility": "private"})
    school.gate.clear()
    made = (await train(house, base)).json()
    await until(house, made, "processing")
    assert (await house.http.delete(f"/models/{base.model}/versions/{base.id}")).status_code == 409
    school.gate.set()
    output = (await until(house, made, "succeeded"))["output"]
    assert (await house.http.delete(f"/models/{base.model}/versions/{base.id}")).status_code == 403
    assert (await house.create("me/tuned", wait=True))["output"] == "learned"
    path, _, version_id = output["version"].partition(":")
    assert (await house.http.delete(f"/models/{path}/versions/{version_id}")).status_code == 202
    assert (await house.http.get(output["weights"])).status_code == 404
    places = house.platform.settings.data / "trained"
    await eventually(lambda: asyncio.sleep(0, not list(places.iterdir())))


async def test_no_retention_removes_what_a_version_needs(house: House) -> None:
    base = await add_trainable(house)
    ended = await until(house, (await train(house, base)).json(), "succeeded")
    later = house.platform.janitor._now() + timedelta(days=400)
    house.platform.janitor._now = lambda: later  # type: ignore[method-assign]
    await house.platform.janitor.run_once()
    assert (await house.http.get(f"/trainings/{ended['id']}")).json() == ended
    assert (await house.http.get(ended["output"]["weights"])).content == b"learned"
    assert (await house.create("me/tuned", wait=True))["output"] == "learned"
