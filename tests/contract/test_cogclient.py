"""The client, against a server that speaks Cog and misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mainspring.cogclient import AtCapacity, CogClient, Completed, Event, Log, Metric, NotCog, Output
from mainspring.cogclient.events import EventStream, said_by_the_model
from mainspring.core.errors import InstanceLost
from mainspring.testing import ConnectionDrop, FakeCog, Run, WorkerCrash


async def collect(
    client: CogClient, prediction_id: str = "p1", body: bytes = b'{"input":{"text":"hi"}}'
) -> list[Event]:
    return [event async for events in client.run(prediction_id, body) for event in events]


def chunks(events: Sequence[Event]) -> list[tuple[int, bytes]]:
    return [(event.index, bytes(event.value)) for event in events if isinstance(event, Output)]


async def test_a_run_yields_what_the_model_does_and_ends_with_completed() -> None:
    async def model(run: Run) -> object:
        await run.log("thinking\n")
        await run.metric("tokens", 2, "increment")
        await run.output("a", {"b": 1})
        return None

    async with FakeCog(model) as cog:
        events = await collect(CogClient(cog.address))
    assert events[:2] == [Log("thinking\n"), events[1]]
    assert isinstance(events[1], Metric)
    assert (events[1].name, bytes(events[1].value), events[1].mode) == ("tokens", b"2", "increment")
    assert chunks(events) == [(0, b'"a"'), (1, b'{"b": 1}')]
    last = events[-1]
    assert isinstance(last, Completed)
    assert last.status == "succeeded"
    assert last.output is not None
    assert bytes(last.output) == b'["a", {"b": 1}]'
    assert last.logs == "thinking\n"


async def test_events_come_as_they_happen() -> None:
    held = asyncio.Event()

    async def model(run: Run) -> object:
        await run.output("first")
        await held.wait()
        return "end"

    async with FakeCog(model) as cog:
        batches = CogClient(cog.address).run("p", b"{}")
        assert chunks(await anext(batches)) == [(0, b'"first"')]
        assert cog.running == ["p"]
        held.set()
        assert isinstance((await anext(batches))[-1], Completed)
        await batches.aclose()


async def test_one_connection_serves_many_runs() -> None:
    async with FakeCog() as cog:
        client = CogClient(cog.address)
        for number in range(20):
            await collect(client, f"p{number}")
        assert len(cog._connections) == 1
        assert cog.completed == [f"p{number}" for number in range(20)]


async def test_a_refusal_for_a_moment_is_not_seen() -> None:
    async with FakeCog(conflicts=5) as cog:
        assert isinstance((await collect(CogClient(cog.address)))[-1], Completed)
        assert cog.conflicts == 0


async def test_a_full_instance_is_at_capacity() -> None:
    async with FakeCog(slots=1) as cog:
        cog.gate.clear()
        client = CogClient(cog.address)
        first = asyncio.create_task(collect(client, "p1"))
        await cog.until(lambda: cog.running == ["p1"])
        with pytest.raises(AtCapacity):
            await collect(client, "p2")
        cog.gate.set()
        assert isinstance((await first)[-1], Completed)


async def test_invalid_input_is_the_prediction_s_failure() -> None:
    detail = [
        {"loc": ["body", "input", "s"], "msg": "-1 is less than the minimum of 0", "type": "value_error"}
    ]
    async with FakeCog(refusal=(422, {"detail": detail})) as cog:
        (event,) = await collect(CogClient(cog.address))
    assert event == Completed("failed", error="input.s: -1 is less than the minimum of 0")


async def test_an_exception_of_the_model_fails_with_its_own_words() -> None:
    async def model(run: Run) -> object:
        await run.log("before\n")
        raise ValueError("Worker crashed")

    async with FakeCog(model) as cog:
        last = (await collect(CogClient(cog.address)))[-1]
    assert last == Completed(
        "failed", error="Worker crashed", metrics={"predict_time": 0.001}, logs="before\n"
    )


async def test_a_crashed_worker_is_a_lost_instance_now_and_later() -> None:
    async def model(run: Run) -> object:
        raise WorkerCrash

    async with FakeCog(model) as cog:
        client = CogClient(cog.address)
        with pytest.raises(InstanceLost):
            await collect(client, "p1")
        with pytest.raises(InstanceLost):
            await collect(client, "p2")
        assert (await client.health()).worker_lost


async def test_a_broken_connection_is_a_lost_instance() -> None:
    async def model(run: Run) -> object:
        await run.output("a")
        raise ConnectionDrop

    async with FakeCog(model) as cog:
        with pytest.raises(InstanceLost):
            await collect(CogClient(cog.address))


async def test_a_server_that_says_nothing_is_told_from_one_whose_model_answers_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mainspring.cogclient.HEALTH_TIMEOUT_S", 0.5)
    clock = asyncio.get_running_loop().time
    async with FakeCog(deaf={"/health-check"}) as cog:
        client, began = CogClient(cog.address), clock()
        with pytest.raises(TimeoutError):
            await client.health(0.1)
        assert clock() - began >= 0.5
        assert cog.asked == {"/health-check": 1, "/": 1}
        cog.deaf = {"/"}
        assert (await client.health(0.1)).status == "READY"
        assert cog.asked["/"] == 1
        cog.awake.clear()
        began = clock()
        with pytest.raises(TimeoutError):
            await client.health(0.1)
        assert clock() - began < 0.5


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        ("Worker crashed", True),
        ("Healthcheck error: protocol error: healthcheck response channel dropped", True),
        ("Healthcheck error: protocol error: healthcheck channel closed", True),
        ("healthcheck timed out", False),
        ("Healthcheck failed: user-defined healthcheck returned False", False),
    ],
)
async def test_what_a_server_says_whose_worker_died(error: str, lost: bool) -> None:
    async with FakeCog(status="UNHEALTHY", error=error) as cog:
        assert (await CogClient(cog.address).health()).worker_lost is lost


@pytest.mark.parametrize("garbled", [(200, "<html>"), (200, {"a": 1}), (500, ""), (404, [])])
async def test_a_health_that_is_not_cog_s(garbled: tuple[int, object]) -> None:
    async with FakeCog(garbled=garbled) as cog:
        with pytest.raises(NotCog):
            await CogClient(cog.address).health()


@pytest.mark.parametrize("misbehave", [{"deaf": {"/health-check", "/"}}, {"garbled": (200, "")}])
async def test_a_full_instance_that_does_not_say_why_is_lost(
    monkeypatch: pytest.MonkeyPatch, misbehave: dict[str, Any]
) -> None:
    monkeypatch.setattr("mainspring.cogclient.CONNECT_TIMEOUT_S", 0.5)
    async with FakeCog(slots=0, **misbehave) as cog:
        with pytest.raises(InstanceLost):
            await collect(CogClient(cog.address))


async def test_nothing_listening_is_a_lost_instance() -> None:
    async with FakeCog() as cog:
        client = CogClient(cog.address)
        await client.health()
    with pytest.raises(InstanceLost):
        await client.health()
    with pytest.raises(InstanceLost):
        await collect(client)


async def test_a_kept_connection_that_was_closed_meanwhile_does_not_matter() -> None:
    async with FakeCog() as cog:
        client = CogClient(cog.address)
        await collect(client, "p1")
        cog.drop()
        assert isinstance((await collect(client, "p2"))[-1], Completed)


async def test_closing_the_iterator_cancels() -> None:
    async def model(run: Run) -> object:
        await run.output("a")
        await asyncio.Event().wait()
        return None

    async with FakeCog(model) as cog:
        batches = CogClient(cog.address).run("p1", b"{}")
        await anext(batches)
        await batches.aclose()
        await cog.until(lambda: cog.canceled == ["p1"])


async def test_cancel_ends_the_run_as_canceled() -> None:
    async with FakeCog() as cog:
        cog.gate.clear()
        client = CogClient(cog.address)
        run = asyncio.create_task(collect(client, "p1"))
        await cog.until(lambda: cog.running == ["p1"])
        assert await client.cancel("p1")
        last = (await run)[-1]
        assert isinstance(last, Completed)
        assert last.status == "canceled"
        assert not await client.cancel("p1")


async def test_live_chunks_become_outputs_and_their_copies_are_dropped() -> None:
    async def model(run: Run) -> object:
        await run.metric("mainspring_chunk", '[0, "a"]')
        await run.metric("mainspring_chunk", '[1, "b"]')
        await run.output("a", "b", "late")
        return None

    async with FakeCog(model) as cog:
        events = await collect(CogClient(cog.address))
    assert chunks(events) == [(0, b'"a"'), (1, b'"b"'), (2, b'"late"')]


async def test_the_metric_of_live_chunks_is_not_shown() -> None:
    final = b'event: completed\ndata: {"metrics":{"mainspring_chunk":[0,"a"],"n":1},"status":"succeeded"}\n\n'
    (event,) = EventStream().feed(final)
    assert event == Completed("succeeded", metrics={"n": 1})


async def test_health_tells_the_author_s_lines_only() -> None:
    logs = "[coglet] coglet 0.23.1\n[coglet::setup] loading\ngoes on\n[coglet::worker] x\n"
    logs += "[coglet::setup] loaded\n"
    async with FakeCog(setup_logs=logs) as cog:
        client = CogClient(cog.address)
        assert (await client.health()).logs == "loading\ngoes on\nloaded\n"
        cog.status, cog.setup_logs = (
            "SETUP_FAILED",
            "Setup failed: setup failed: OSError: no\n",
        )
        health = await client.health()
        assert (health.status, health.error) == ("SETUP_FAILED", "OSError: no")
        with pytest.raises(InstanceLost):
            await collect(client)


def test_a_stream_may_be_cut_anywhere() -> None:
    text = b': keep-alive\n\nevent: log\ndata: {"data":"a\\n\\nb","source":"stdout"}\n\n'
    text += b'event: output\ndata: {"chunk":{"k":[1]},"index":0}\n\n'
    text += b'event: completed\ndata: {"status":"succeeded"}\n\n'
    whole = EventStream().feed(text)
    for cut in range(len(text)):
        stream = EventStream()
        events = stream.feed(text[:cut]) + stream.feed(text[cut:])
        assert stream.ended
        assert [type(e) for e in events] == [type(e) for e in whole] == [Log, Output, Completed]
        assert events[0] == Log("a\n\nb")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("Prediction failed: Prediction failed: ValueError: you asked for it", "you asked for it"),
        ("Prediction failed: Async prediction failed: Thing.<locals>.Boom: a: b", "a: b"),
        ("Prediction failed: Prediction failed: MemoryError: ", "MemoryError"),
        ("Prediction failed: Prediction failed: SystemExit: 2", "SystemExit: 2"),
        ("Prediction failed: Failed to serialize output: x", "Failed to serialize output: x"),
        ("Input validation error: 404 Client Error: x", "Input validation error: 404 Client Error: x"),
    ],
)
def test_an_error_is_reduced_to_the_model_s_own_words(error: str, text: str) -> None:
    assert said_by_the_model(error) == text
