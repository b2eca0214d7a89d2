"""From a request to the end of a prediction, with models that behave and models that do not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mainspring.launchers import LaunchSpec
from mainspring.testing import FakeCog, Run, WorkerCrash
from tests.services.conftest import STREAM, Open, eventually, gated


@pytest.mark.parametrize("hints", [True, False], ids=["hints", "no hints"])
async def test_a_prediction_runs_though_every_hint_may_be_lost(open_house: Open, hints: bool) -> None:
    house = await open_house(hints=hints)
    model = await house.add_model()
    first = await house.create(model, wait=True)
    assert (first["status"], first["output"]) == ("succeeded", "hi")
    assert (await house.create(model, wait=True))["status"] == "succeeded"
    assert len(house.launcher.launches) == 1
    assert (await house.get(first))["output"] == "hi"


async def test_as_many_run_at_once_as_there_are_slots(open_house: Open) -> None:
    cog = FakeCog(slots=4)
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model(slots=4)
    made = [await house.create(model) for _ in range(6)]
    await cog.until(lambda: len(cog.running) == 4)
    assert cog.running == [p["id"] for p in made[:4]]
    cog.gate.set()
    for prediction in made:
        await house.until(prediction, "succeeded")
    assert len(cog.completed) == 6


async def test_output_grows_while_it_runs(open_house: Open) -> None:
    more = asyncio.Event()

    async def counting(run: Run) -> object:
        await run.log("one\n")
        await run.output("a", "b")
        await more.wait()
        await run.output("c")
        return None

    house = await open_house(make=lambda spec: FakeCog(counting))
    model = await house.add_model(openapi=STREAM)
    made = await house.create(model)

    async def grown() -> Any:
        found = await house.get(made)
        return found if found["output"] else None

    found = await eventually(grown)
    assert (found["status"], found["output"], found["logs"]) == ("processing", ["a", "b"], "one\n")
    more.set()
    assert (await house.until(made, "succeeded"))["output"] == ["a", "b", "c"]


async def test_waiting_gives_up_with_the_word_that_clients_go_on_with(open_house: Open) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model()
    reply = await house.create(model, Prefer="wait=1")
    assert (reply["status"], reply["output"]) == ("starting", None)
    assert (await house.get(reply))["status"] == "processing"
    cog.gate.set()
    await house.until(reply, "succeeded")


async def test_a_waiting_prediction_is_canceled_at_once(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="STARTING"))
    model = await house.add_model()
    made = await house.create(model)
    reply = await house.http.post(f"/predictions/{made['id']}/cancel")
    assert reply.json()["status"] == "canceled"
    again = await house.http.post(f"/predictions/{made['id']}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")


async def test_a_running_prediction_is_canceled_in_the_model(open_house: Open) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    made = await house.create(await house.add_model())
    await house.until(made, "processing")
    reply = await house.http.post(f"/predictions/{made['id']}/cancel")
    assert reply.json()["status"] == "canceled"
    assert cog.canceled == [made["id"]]
    assert len(house.launcher.launches) == 1


async def test_a_model_that_does_not_let_go_is_replaced(open_house: Open) -> None:
    stubborn = True

    async def swallows(run: Run) -> object:
        nonlocal stubborn
        if stubborn:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                stubborn = False
                await asyncio.Event().wait()
        return "well"

    house = await open_house(make=lambda spec: FakeCog(swallows))
    model = await house.add_model()
    made = await house.create(model)
    await house.until(made, "processing")
    await house.http.post(f"/predictions/{made['id']}/cancel")
    await house.until(made, "canceled")
    assert (await house.create(model, wait=True))["output"] == "well"
    assert len(house.launcher.launches) == 2


async def test_a_lost_instance_is_replaced_and_the_prediction_runs_again(open_house: Open) -> None:
    gate = asyncio.Event()
    cogs: list[FakeCog] = []

    def make(spec: LaunchSpec) -> FakeCog:
        cogs.append(gated(gate))
        return cogs[-1]

    house = await open_house(make=make)
    made = await house.create(await house.add_model())
    await house.until(made, "processing")
    await house.launcher.die(next(iter(house.launcher.cogs)))
    await eventually(lambda: asyncio.sleep(0, len(cogs) > 1))
    gate.set()
    assert (await house.until(made, "succeeded", "failed"))["output"] == "hi"


async def test_a_prediction_that_kills_its_model_is_given_up(open_house: Open) -> None:
    async def crashing(run: Run) -> object:
        raise WorkerCrash

    house = await open_house(make=lambda spec: FakeCog(crashing), max_attempts=3)
    made = await house.create(await house.add_model(), wait=True)
    assert made["status"] == "failed"
    assert made["error"]
    assert len(house.launcher.launches) == 3


async def test_the_models_own_exception_is_not_tried_again(open_house: Open) -> None:
    async def failing(run: Run) -> object:
        await run.log("so far\n")
        raise ValueError("you asked for it")

    house = await open_house(make=lambda spec: FakeCog(failing))
    made = await house.create(await house.add_model(), wait=True)
    assert (made["status"], made["error"], made["logs"]) == ("failed", "you asked for it", "so far\n")
    assert made["metrics"]["predict_time"] <= made["metrics"]["total_time"]
    assert len(house.launcher.launches) == 1


async def test_failed_setup_fails_who_waits(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="SETUP_FAILED", setup_logs="no weights"))
    made = await house.create(await house.add_model(), wait=True)
    assert made["status"] == "failed"
    assert made["error"].startswith("Model setup failed")
    assert "no weights" in made["error"] + made["logs"]


async def test_setup_has_a_limit(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="STARTING"), setup_timeout_s=0.1)
    made = await house.create(await house.add_model(), wait=True)
    assert made["status"] == "failed"
    assert "failed to boot and complete setup" in made["error"]


async def test_a_run_has_a_limit(open_house: Open) -> None:
    async def endless(run: Run) -> object:
        await run.output("a")
        await asyncio.Event().wait()
        return None

    house = await open_house(make=lambda spec: FakeCog(endless), run_timeout_s=0.3)
    made = await house.create(await house.add_model(openapi=STREAM), wait=True)
    assert (made["status"], made["error"], made["output"]) == ("failed", "Prediction timed out.", ["a"])


async def test_deadlines_abort_what_waits_and_cancel_what_runs(open_house: Open) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model()
    running = await house.create(model, **{"Cancel-After": "5s"})
    waiting = await house.create(model, **{"Cancel-After": "5s"})
    assert running["deadline"] > running["created_at"]
    await house.until(running, "processing")
    later = house.platform.janitor._now
    from datetime import timedelta

    house.platform.janitor._now = lambda: later() + timedelta(seconds=6)  # type: ignore[method-assign]
    assert (await house.until(waiting, "aborted"))["error"] is None
    await house.until(running, "canceled")


@pytest.mark.parametrize("text", ["4s", "25h", "soon", "-5s", "999999999999h"])
async def test_impossible_deadlines_are_refused(open_house: Open, text: str) -> None:
    house = await open_house()
    model = await house.add_model()
    reply = await house.http.post(
        f"/models/{model}/predictions", json={"input": {}}, headers={"Cancel-After": text}
    )
    assert reply.status_code == 400


async def test_a_full_queue_refuses(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="STARTING"), max_queue=3)
    model = await house.add_model()
    for _ in range(3):
        await house.create(model)
    reply = await house.http.post(f"/models/{model}/predictions", json={"input": {}})
    assert reply.status_code == 429
    assert "queue" in reply.json()["detail"]
    assert len((await house.http.get("/predictions")).json()["results"]) == 3


async def test_secrets_reach_the_model_and_nobody_else(open_house: Open) -> None:
    async def telling(run: Run) -> object:
        await run.log(f"key {run.input['key']}\n")
        return "kept"

    cog = FakeCog(telling)
    house = await open_house(make=lambda spec: cog)
    model = await house.add_model()
    body = {"input": {"text": "x", "key": "correct horse"}}
    reply = await house.http.post(f"/models/{model}/predictions", json=body, headers={"Prefer": "wait"})
    assert reply.json()["input"] == {"text": "x", "key": "**********"}
    assert reply.json()["logs"] == "key **********\n"
    assert cog.received[reply.json()["id"]]["input"]["key"] == "correct horse"
    stored = await house.platform.ledger.predictions.get(reply.json()["id"])
    assert stored is not None
    assert stored.secrets is None


async def test_a_deleted_version_does_not_leave_predictions_waiting(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="STARTING"))
    model = await house.add_model()
    made = await house.create(model)
    from mainspring.database import Statement

    await house.platform.database.write(Statement("DELETE FROM versions", {}))
    house.platform.ledger.catalog._recent.forget()
    assert "deleted" in (await house.until(made, "failed"))["error"]


async def test_a_repeated_request_of_the_2x_client_makes_no_second_prediction(open_house: Open) -> None:
    house = await open_house()
    model = await house.add_model()
    first = await house.create(model, **{"x-stainless-retry-count": "0"})
    again = await house.create(model, wait=True, **{"x-stainless-retry-count": "1"})
    assert (again["id"], again["status"]) == (first["id"], "succeeded")
    assert (await house.create(model, **{"x-stainless-retry-count": "0"}))["id"] != first["id"]


async def test_a_stopping_server_refuses_and_lets_go_of_who_waits(open_house: Open) -> None:
    house = await open_house(make=lambda spec: FakeCog(status="STARTING"))
    model = await house.add_model()
    waiting = asyncio.create_task(house.create(model, wait=True))
    await eventually(lambda: asyncio.sleep(0, bool(house.launcher.launches)))
    await house.platform.director.close(0)
    house.platform.feed.stopping = True
    house.platform.feed.abandon()
    assert (await waiting)["status"] == "starting"
    refused = await house.http.post(f"/models/{model}/predictions", json={"input": {}})
    assert refused.status_code == 503


async def test_a_slot_is_not_given_twice(open_house: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await open_house()
    model = await house.add_model()
    await house.create(model, wait=True)
    predictions = house.platform.ledger.predictions
    claim, claiming, go_on = predictions.claim, asyncio.Event(), asyncio.Event()

    async def slow(*given: Any) -> Any:
        claiming.set()
        await go_on.wait()
        return await claim(*given)

    monkeypatch.setattr(predictions, "claim", slow)
    await claiming.wait()
    made = await house.create(model)
    assert (await house.get(made))["status"] == "starting", "the only slot is being claimed for"
    go_on.set()
    await house.until(made, "succeeded")
    assert len(house.launcher.launches) == 1
