"""kill -9 at many moments, SIGTERM once and twice: nothing accepted is lost, nothing of ours lives on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from mainspring.records.metering import micros_sql
from tests.e2e.projects import write_project
from tests.e2e.server import TOKEN, Server

MODEL = "/v1/models/mainspring/slow/predictions"
TERMINAL = {"succeeded", "failed", "canceled", "aborted"}
MOMENTS_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.2, 1.5)


def call(server: Server, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    request = urllib.request.Request(
        server.url + path,
        json.dumps(body).encode() if body is not None else None,
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=70) as reply:
        return json.loads(reply.read())


def create(server: Server, model: str, **values: object) -> dict[str, Any]:
    made: dict[str, Any] = call(server, "POST", f"/v1/models/{model}/predictions", {"input": values})
    return made


def ended(server: Server, prediction_id: str, limit_s: float = 60) -> dict[str, Any]:
    until = time.monotonic() + limit_s
    while True:
        found: dict[str, Any] = call(server, "GET", f"/v1/predictions/{prediction_id}")
        if found["status"] in TERMINAL:
            return found
        assert time.monotonic() < until, (
            f"{prediction_id} is {found['status']}\n{server.log.read_text()[-3000:]}"
        )
        time.sleep(0.02)


def running_here(data: Path) -> list[str]:
    """Command lines of processes that work inside the data directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            inside = str((process / "cwd").readlink()).startswith(str(data))
        except OSError:
            continue
        if inside or str(data).encode() in command:
            found.append(command.decode(errors="replace"))
    return found


def wait_until_none_runs(data: Path, limit_s: float = 30) -> None:
    until = time.monotonic() + limit_s
    while left := running_here(data):
        assert time.monotonic() < until, left
        time.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    prices = tmp_path / "mainspring.toml"
    prices.write_text("[hardware.cpu]\nprice_per_second = 0.01\n")
    running = Server(tmp_path / "data", max_attempts=99, grace_s=20, cancel_grace_s=1, health_timeout_s=1)
    running.arguments = ("--config", str(prices))
    running.start()
    running.push(write_project("slow", tmp_path / "projects"), "mainspring/slow")
    yield running
    running.stop()


def test_whatever_was_accepted_ends_once_though_the_server_is_killed_again_and_again(server: Server) -> None:
    accepted: dict[str, str] = {}
    call(server, "PATCH", "/v1/models/mainspring/slow", {"visibility": "private"})

    def create_until_it_dies(round_number: int) -> None:
        for number in range(200):
            name = f"{round_number}-{number}"
            try:
                accepted[create(server, "mainspring/slow", seconds=0.02, name=name)["id"]] = name
            except (OSError, HTTPException):
                return

    for round_number, moment_s in enumerate(MOMENTS_S):
        creating = threading.Thread(target=create_until_it_dies, args=(round_number,))
        creating.start()
        time.sleep(moment_s)
        server.kill()
        creating.join()
        wait_until_none_runs(server.data)
        server.start()
    assert len(accepted) > 20
    outputs = {prediction_id: ended(server, prediction_id) for prediction_id in accepted}
    assert {p["status"] for p in outputs.values()} == {"succeeded"}
    assert {p: o["output"] for p, o in outputs.items()} == {p: f"slept {n}" for p, n in accepted.items()}
    again = {p: call(server, "GET", f"/v1/predictions/{p}") for p in list(accepted)[:20]}
    assert all(again[p]["completed_at"] == outputs[p]["completed_at"] for p in again)
    accounts_add_up(server)


def accounts_add_up(server: Server) -> None:
    """A row of usage for each end, all time of each instance in rows, and their sum as what is spent."""
    with sqlite3.connect(server.data / "ledger.sqlite") as ledger:
        ended = ledger.execute(
            "SELECT id FROM predictions WHERE completed_at IS NOT NULL ORDER BY id"
        ).fetchall()
        used = ledger.execute("SELECT id FROM usage WHERE kind = 'prediction' ORDER BY id").fetchall()
        instances = ledger.execute(
            f"""SELECT i.settled_us - {micros_sql("i.created_at")}, i.owed_us + (
                SELECT coalesce(sum(setup_us + idle_us + active_us + lost_us), 0) FROM usage WHERE instance_id = i.id)
            FROM instances i WHERE payer IS NOT NULL"""
        ).fetchall()
        amounts = ledger.execute("SELECT sum(amount) FROM usage").fetchone()
        spent = ledger.execute("SELECT sum(amount) FROM spent WHERE scope = 'account'").fetchone()
    ledger.close()
    assert used == ended
    assert len(instances) > 3
    assert [there for there, _ in instances] == [told for _, told in instances]
    assert amounts == spent
    assert amounts[0] > 0


def test_a_request_with_a_key_makes_one_though_the_server_is_killed_while_it_is_sent(server: Server) -> None:
    keys = [f"{round_number}-{number}" for round_number in range(4) for number in range(30)]
    sending, sent = iter(keys), []

    def send(name: str) -> str | None:
        try:
            body = {"input": {"seconds": 0.0, "name": name}}
            made = call(server, "POST", MODEL, body, **{"Idempotency-Key": name})
        except (OSError, HTTPException):
            return None
        return str(made["id"])

    def send_until_it_dies() -> None:
        for name in sending:
            sent.append((name, send(name)))
            if sent[-1][1] is None:
                return

    for moment_s in (0.05, 0.1, 0.2, 0.3):
        thread = threading.Thread(target=send_until_it_dies)
        thread.start()
        time.sleep(moment_s)
        server.kill()
        thread.join()
        wait_until_none_runs(server.data)
        server.start()
    assert any(made is None for _, made in sent)
    for name, made in sent:
        assert send(name) == made or made is None
    for prediction_id in (ids := [send(name) for name, _ in sent]):
        assert ended(server, str(prediction_id))["status"] == "succeeded"
    with sqlite3.connect(f"file:{server.data}/ledger.sqlite?mode=ro", uri=True) as ledger:
        (stored,) = ledger.execute("SELECT count(*) FROM predictions").fetchone()
    assert stored == len(set(ids)) == len(sent)


def test_no_process_outlives_a_killed_server(server: Server) -> None:
    made = create(server, "mainspring/slow", seconds=60.0)
    while call(server, "GET", f"/v1/predictions/{made['id']}")["status"] == "starting":
        pass
    assert len(running_here(server.data)) >= 2
    server.kill()
    wait_until_none_runs(server.data)


def test_a_model_whose_server_hangs_is_replaced_idle_or_at_work(server: Server) -> None:
    first = create(server, "mainspring/slow", seconds=0.0, name="first")
    assert ended(server, first["id"])["output"] == "slept first"
    idle = stop_the_model(server)
    made = create(server, "mainspring/slow", seconds=2.0, name="second")
    at_work = stop_the_model(server, besides=idle)
    assert ended(server, made["id"])["output"] == "slept second"
    gone = call(server, "GET", "/v1/fleet")["ended"]
    assert [one["reason"] for one in gone] == [
        "The instance of the model was lost: Cog's server did not answer a health check within 1 s, 3 times in a row."
    ] * 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in (idle, at_work))


def stop_the_model(server: Server, besides: int = 0, limit_s: float = 30) -> int:
    """SIGSTOP for Cog's server of a ready instance other than that one; its pid."""
    until = time.monotonic() + limit_s
    with sqlite3.connect(f"file:{server.data}/ledger.sqlite?mode=ro", uri=True) as ledger:
        while True:
            for (pid,) in ledger.execute("SELECT pid FROM instances WHERE state = 'ready'").fetchall():
                if pid != besides:
                    os.kill(pid, signal.SIGSTOP)
                    return int(pid)
            assert time.monotonic() < until, server.log.read_text()[-3000:]
            time.sleep(0.02)


def test_sigterm_lets_running_predictions_end_and_keeps_what_waits(server: Server) -> None:
    running = create(server, "mainspring/slow", seconds=1.0, name="running")
    waiting = create(server, "mainspring/slow", seconds=0.1, name="waiting")
    while call(server, "GET", f"/v1/predictions/{running['id']}")["status"] == "starting":
        pass
    assert server.stop() == 0
    assert running_here(server.data) == []
    server.start()
    first = call(server, "GET", f"/v1/predictions/{running['id']}")
    assert (first["status"], first["output"]) == ("succeeded", "slept running")
    assert ended(server, waiting["id"])["output"] == "slept waiting"


def test_a_second_sigterm_is_immediate_and_loses_nothing(server: Server) -> None:
    made = create(server, "mainspring/slow", seconds=8.0, name="long")
    while call(server, "GET", f"/v1/predictions/{made['id']}")["status"] == "starting":
        pass
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(0.5)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(6) == 0
    assert running_here(server.data) == []
    server.start()
    assert ended(server, made["id"])["output"] == "slept long"


def test_a_start_on_an_existing_directory_shows_no_token(server: Server) -> None:
    server.stop()
    server.start()
    server.stop()
    assert server.log.read_text().count("Mainspring is running") == 2
    assert server.log.read_text().count("shown this once") == 1
