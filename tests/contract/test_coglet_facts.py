"""What the platform relies on in coglet, a test for each fact: an upgrade that changes one speaks up here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.contract.coglet import Coglet, coglet
from tests.contract.models import ASYNC, MISSING, STREAM, schema, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sync(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Coglet]:
    async with coglet(write_model(tmp_path_factory.mktemp("sync") / "m")) as server:
        await server.until("READY")
        yield server


async def worker_of(server: Coglet) -> int:
    return int((await server.events(uuid.uuid4().hex, do="pid"))[-1][1]["output"])


async def freeze(pid: int) -> None:
    """Stop the process, and return once every thread of it has stopped: the signal alone comes later."""
    os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(30):
        while any(_state(thread) != "T" for thread in Path(f"/proc/{pid}/task").iterdir()):
            await asyncio.sleep(0.001)


def _state(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


async def test_one_put_starts_and_streams(sync: Coglet) -> None:
    events = await sync.events("c1", do="log", arg="hi")
    assert [name for name, _ in events] == ["start", "log", "output", "completed"]
    assert events[1][1] == {"data": "hi\n", "source": "stdout"}
    assert events[2][1] == {"chunk": "done", "index": 0}


async def test_a_single_value_arrives_as_one_chunk_and_whole_at_the_end(sync: Coglet) -> None:
    events = await sync.events("c2", do="echo", arg="x")
    assert [data for name, data in events if name == "output"] == [{"chunk": "hello x", "index": 0}]
    assert events[-1][1]["output"] == "hello x"


async def test_a_failure_keeps_logs_and_names_the_exception_behind_two_prefixes(sync: Coglet) -> None:
    final = (await sync.events("c3", do="fail", arg="you asked for it"))[-1][1]
    assert final["error"] == "Prediction failed: Prediction failed: ValueError: you asked for it"
    assert (final["status"], final["logs"]) == ("failed", "before\n")


async def test_null_for_an_optional_input_is_refused(sync: Coglet) -> None:
    response = await sync.put("c4", do="echo", arg=None)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "input", "arg"]


async def test_metrics_are_live_events_and_part_of_the_end(sync: Coglet) -> None:
    events = await sync.events("c5", do="metric")
    assert ("metric", {"mode": "replace", "name": "tokens", "value": 7}) in events
    assert events[-1][1]["metrics"]["tokens"] == 7


async def test_a_partial_line_leaks_into_the_next_prediction(sync: Coglet) -> None:
    await sync.events("c6", do="partial", arg="secret of A")
    assert (await sync.events("c7", do="log", arg="line of B"))[-1][1]["logs"] == "secret of Aline of B\n"


async def test_there_is_no_get_of_a_prediction(sync: Coglet) -> None:
    assert (await sync.http.get("/predictions/c1")).status_code == 405


async def test_an_ended_id_runs_again(sync: Coglet) -> None:
    assert [(await sync.events("again", do="echo"))[-1][1]["status"] for _ in range(2)] == ["succeeded"] * 2


async def test_busy_slots_are_409_and_leaving_the_stream_cancels(sync: Coglet) -> None:
    headers = {"accept": "text/event-stream"}
    body = {"input": {"do": "nap"}}
    async with sync.http.stream("PUT", "/predictions/nap", json=body, headers=headers) as stream:
        async for line in stream.aiter_lines():
            if "napping" in line:
                break
        response = await sync.http.put("/predictions/other", json={"input": {"do": "echo"}}, headers=headers)
        assert response.status_code == 409
        assert "At capacity" in response.json()["error"]
    async with asyncio.timeout(30):
        assert (await sync.events("after", do="echo"))[-1][1]["status"] == "succeeded"


async def test_leftovers_are_in_tmp_whatever_the_settings_and_stay(sync: Coglet, tmp_path: Path) -> None:
    prediction_id = uuid.uuid4().hex
    await sync.events(prediction_id, do="echo")
    assert Path("/tmp/coglet/predictions", prediction_id).is_dir()
    where = f"output_temp_dir_base={str(tmp_path / 'out')!r}"
    code = f"import os, coglet; coglet.server.serve('predict.py:Predictor', '127.0.0.1', PORT, {where})"
    code = code.replace("PORT,", "int(os.environ['PORT']),")
    async with coglet(
        write_model(tmp_path / "m"), [sys.executable, "-c", code], TMPDIR=str(tmp_path)
    ) as server:
        await server.until("READY")
        other = uuid.uuid4().hex
        await server.events(other, do="echo")
        assert Path("/tmp/coglet/predictions", other).is_dir()
        assert not (tmp_path / "out").exists()


async def test_it_asks_the_server_s_cog_package_for_its_version_only(tmp_path: Path) -> None:
    code = (
        "import os, sys, types as t; sys.modules['cog'] = seen = t.ModuleType('cog')\n"
        "seen.__version__ = '9.9'\n"
        "import coglet; coglet.server.serve('predict.py:Predictor', '127.0.0.1', int(os.environ['PORT']))"
    )
    async with coglet(write_model(tmp_path / "m"), [sys.executable, "-c", code]) as server:
        assert (await server.until("READY"))["version"]["python_sdk"] == "9.9"
        assert (await server.events("p", do="echo", arg="x"))[-1][1]["output"] == "hello x"


async def test_streams_are_refused_unless_the_schema_file_allows_them(tmp_path: Path) -> None:
    async with coglet(write_model(tmp_path / "m", schema_text=schema(streaming=False))) as server:
        await server.until("READY")
        assert (await server.put("p", do="echo")).status_code == 406


async def test_without_the_schema_file_nothing_is_checked(tmp_path: Path) -> None:
    async with coglet(write_model(tmp_path / "m", schema_text="")) as server:
        await server.until("READY")
        assert (await server.http.get("/openapi.json")).status_code == 503
        assert (await server.put("p", accept="application/json", do="echo", arg=None)).status_code == 200


async def test_a_dead_worker_is_never_replaced(tmp_path: Path) -> None:
    async with coglet(write_model(tmp_path / "m")) as server:
        await server.until("READY")
        assert (await server.events("p1", do="die"))[-1][1]["error"] == "Worker crashed"
        health = await server.until("UNHEALTHY")
        assert "channel closed" in health["user_healthcheck_error"]
        assert (await server.put("p2", do="echo")).status_code == 409
        assert server.process.poll() is None


async def test_a_worker_killed_while_idle_fails_the_next_run_with_a_broken_pipe(tmp_path: Path) -> None:
    """Killed just as its run ends, it seldom takes the server along, which then answers nothing: another try."""
    for number in range(3):
        with contextlib.suppress(TimeoutError):
            async with coglet(write_model(tmp_path / f"m{number}")) as server, asyncio.timeout(20):
                await server.until("READY")
                worker = await worker_of(server)
                await server.until("READY")
                os.kill(worker, signal.SIGKILL)
                await server.until("UNHEALTHY")
                response = await server.put("p", do="echo")
                assert response.status_code == 409 or "Failed to send request" in response.text
                return
    pytest.fail("three servers answered nothing any more")


async def test_health_is_answered_while_python_works_hard(sync: Coglet) -> None:
    run = asyncio.create_task(sync.put("busy", do="spin", arg="1.5"))
    asked = 0
    async with asyncio.timeout(20):
        while not run.done():
            asked += (await sync.health())["status"] == "BUSY"
            await asyncio.sleep(0.02)
    assert asked > 3


async def test_a_worker_that_answers_nothing_is_told_after_ten_seconds_and_the_root_at_once(
    sync: Coglet,
) -> None:
    worker = await worker_of(sync)
    await freeze(worker)
    try:
        asked = asyncio.create_task(sync.http.get("/health-check"))
        for _ in range(5):
            assert (await sync.http.get("/", timeout=5)).status_code == 200
        assert not asked.done()
        health = (await asked).json()
    finally:
        os.kill(worker, signal.SIGCONT)
    assert (health["status"], health["user_healthcheck_error"]) == ("UNHEALTHY", "healthcheck timed out")
    assert 9 < asked.result().elapsed.total_seconds() < 30
    assert (await sync.events("goes on", do="echo"))[-1][1]["status"] == "succeeded"


async def test_a_stopped_server_takes_connections_says_nothing_and_goes_on_later(sync: Coglet) -> None:
    await freeze(sync.process.pid)
    try:
        asked = asyncio.create_task(sync.health())
        with pytest.raises(httpx.ReadTimeout):
            await sync.http.get("/", timeout=0.3)
    finally:
        os.kill(sync.process.pid, signal.SIGCONT)
    assert (await asked)["status"] == "READY"


async def test_the_worker_dies_with_its_server(tmp_path: Path) -> None:
    async with coglet(write_model(tmp_path / "m")) as server:
        await server.until("READY")
        worker = await worker_of(server)
        os.kill(server.process.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            while Path(f"/proc/{worker}/cmdline").exists() and Path(f"/proc/{worker}/cmdline").read_bytes():
                await asyncio.sleep(0.01)


async def test_a_failed_setup_is_told_without_prints(tmp_path: Path) -> None:
    async with coglet(write_model(tmp_path / "m"), BAD_SETUP="0") as server:
        logs = (await server.until("SETUP_FAILED"))["setup"]["logs"]
        assert logs.endswith("RuntimeError: no weights")
        assert "loading" not in logs


async def test_it_starts_for_ever_where_python_has_no_coglet(tmp_path: Path) -> None:
    """A worker that ends at once seldom takes the server along, which then answers nothing: another try."""
    fake = tmp_path / "bin" / "python"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
    fake.chmod(0o755)
    environ = {"PATH": f"{fake.parent}:/usr/bin:/bin", "COG_SETUP_TIMEOUT": "1"}
    for number in range(3):
        model = write_model(tmp_path / f"m{number}")
        with contextlib.suppress(TimeoutError):
            async with coglet(model, **environ) as server, asyncio.timeout(20):
                await server.until("STARTING")
                while not (model / "ran").exists():
                    await asyncio.sleep(0.01)
                await asyncio.sleep(1.2)
                assert (await server.health())["status"] == "STARTING"
                return
    pytest.fail("three servers answered nothing")


async def test_a_missing_output_file_is_success_with_null(tmp_path: Path) -> None:
    output: dict[str, object] = {"type": "string", "format": "uri", "title": "Output"}
    async with coglet(write_model(tmp_path / "m", MISSING, schema(output=output))) as server:
        await server.until("READY")
        final = (await server.events("p", arg="/nowhere/file.png"))[-1][1]
        assert (final["status"], final.get("output")) == ("succeeded", None)


async def test_sync_iterators_stream_each_chunk_as_it_is_made(tmp_path: Path) -> None:
    async with coglet(write_model(tmp_path / "m", STREAM)) as server:
        await server.until("READY")
        names = [name for name, _ in await server.events("p", arg="a b")]
        assert names == ["start", "output", "metric", "output", "metric", "completed"]


async def test_async_iterators_are_collected_but_their_metrics_are_live(tmp_path: Path) -> None:
    async with coglet(write_model(tmp_path / "m", ASYNC), COG_MAX_CONCURRENCY="2") as server:
        await server.until("READY")
        one, two = await asyncio.gather(server.events("p1", arg="a b c"), server.events("p2", arg="d e f"))
        for events, words in ((one, list("abc")), (two, list("def"))):
            kinds = [name for name, _ in events if name in ("metric", "output")]
            assert kinds == ["metric"] * 3 + ["output"] * 3
            values = [data["value"] for name, data in events if name == "metric"]
            assert values == [json.dumps([index, word]) for index, word in enumerate(words)]
        failed = (await server.events("p3", arg="raise"))[-1][1]
        assert failed["error"].endswith("rediction failed: ValueError: you asked for it")


TRAIN = """
from cog import BaseModel, Path

def train(arg: str) -> str:
    print("training", flush=True)
    if arg == "raise": raise ValueError("you asked for it")
    return "trained on " + arg

class Trainer:
    def train(self, arg: str) -> str:
        return "trained on " + arg
"""


async def test_a_server_that_trains_streams_it_as_a_prediction(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m")
    (model / "train.py").write_text(TRAIN)
    command = [sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1", "--x-mode", "train"]
    async with coglet(model, command, COG_TRAIN_TYPE_STUB="train.py:train") as server:
        await server.until("READY")
        events = await server.events("t1", arg="this")
        assert [name for name, _ in events] == ["start", "log", "output", "completed"]
        assert events[-1][1]["output"] == "trained on this"
        headers = {"accept": "text/event-stream"}
        refused = await server.http.put("/trainings/t2", json={"input": {"arg": "x"}}, headers=headers)
        assert (refused.status_code, "do not support streaming" in refused.text) == (406, True)
        failed = (await server.events("t3", arg="raise"))[-1][1]
        assert failed["error"].endswith("Training failed: ValueError: you asked for it")


async def test_a_stream_of_a_training_is_checked_by_the_input_of_predictions(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", schema_text=schema(("do",)))
    (model / "train.py").write_text(TRAIN)
    command = [sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1", "--x-mode", "train"]
    async with coglet(model, command, COG_TRAIN_TYPE_STUB="train.py:train") as server:
        await server.until("READY")
        refused = await server.put("t1", arg="this")
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["body", "input", "do"]


async def test_a_class_that_only_trains_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m")
    (model / "train.py").write_text(TRAIN)
    command = [sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1", "--x-mode", "train"]
    async with coglet(model, command, COG_TRAIN_TYPE_STUB="train.py:Trainer") as server:
        failed = await server.until("SETUP_FAILED")
        assert "run or predict method not found" in failed["setup"]["logs"]


async def test_setup_gets_the_path_of_its_weights_as_text(tmp_path: Path) -> None:
    source = """
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def setup(self, weights: Path) -> None: self.kind = type(weights).__name__
    def predict(self, arg: str) -> str: return self.kind
"""
    async with coglet(write_model(tmp_path / "m", source), COG_WEIGHTS="/weights.bin") as server:
        await server.until("READY")
        assert (await server.events("w1", arg=""))[-1][1]["output"] == "str"
