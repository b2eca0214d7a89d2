"""A spending limit as users meet it: commands set it, the official clients say that it is reached."""

from __future__ import annotations

import asyncio
import csv
import io
import subprocess
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate
from replicate.exceptions import ReplicateError

from tests.e2e.projects import write_project
from tests.e2e.server import MAINSPRING, TOKEN, Server

CLIENTS = Path(__file__).parent / "clients"
PYTHON2 = Path(__file__).parents[2] / ".venv-replicate2" / "bin" / "python"
MODEL = "mainspring/hello"


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where a CPU costs a dollar a second."""
    root = tmp_path_factory.mktemp("priced")
    config = root / "mainspring.toml"
    config.write_text("[hardware.cpu]\nprice_per_second = 1.0\n")
    server = Server(root / "data", compare_prices=True)
    server.arguments = ("--config", str(config))
    server.start()
    for name in ("hello", "slow"):
        server.push(write_project(name, root), f"mainspring/{name}")
    yield server
    server.stop()


def cli(server: Server, *words: str) -> str:
    command = [*MAINSPRING, *words]
    done = subprocess.run(command, env=server.environ(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def call(server: Server, method: str, path: str, **body: Any) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    reply = httpx.request(method, f"{server.url}/v1{path}", headers=headers, json=body or None, timeout=30)
    reply.raise_for_status()
    return reply.json()


def spent(server: Server) -> Decimal:
    return Decimal(call(server, "GET", "/usage")["total"]["amount"])


def limit(server: Server) -> tuple[float, float, bool]:
    """(spent, reserved, reached) of the only limit."""
    (one,) = call(server, "GET", "/limits")["results"]
    return float(one["spent"]), float(one["running"]), one["reached"]


def test_a_thousand_at_once_go_beyond_a_limit_by_one_estimate_at_most(priced: Server) -> None:
    cli(priced, "limit", "set", "--monthly", "310")
    replies = asyncio.run(burst(f"{priced.url}/v1/models/mainspring/slow/predictions", 1000))
    made = [reply.json()["id"] for reply in replies if reply.status_code == 201]
    assert {reply.status_code for reply in replies} == {201, 402}
    assert len(made) == 6, "a model that has not run is taken to take 60 s: 5 reach 300 of 310, the next 360"
    assert limit(priced) == (0, 360, True)
    for prediction in made:
        call(priced, "POST", f"/predictions/{prediction}/cancel")
    for prediction in made:
        until(lambda made=prediction: call(priced, "GET", f"/predictions/{made}")["status"] == "canceled")
    assert limit(priced)[1:] == (0, False)
    cli(priced, "limit", "remove")


async def burst(url: str, count: int) -> list[httpx.Response]:
    """All at once, each over a connection of its own."""
    headers, clients = {"Authorization": f"Bearer {TOKEN}"}, 20

    async def some() -> list[httpx.Response]:
        async with httpx.AsyncClient(headers=headers, timeout=120) as client:
            sent = (client.post(url, json={"input": {"seconds": 60}}) for _ in range(count // clients))
            return await asyncio.gather(*sent)

    return [reply for replies in await asyncio.gather(*(some() for _ in range(clients))) for reply in replies]


def until(holds: Callable[[], bool], limit_s: float = 60) -> None:
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_limit_is_reached(priced: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(priced.ca))
    client = replicate.Client(api_token=TOKEN, base_url=priced.tls_url)
    cli(priced, "limit", "set", "--monthly", str(spent(priced) + Decimal("0.000001")))
    assert client.run(MODEL, input={"text": "you"}) == "hello you"
    with pytest.raises(ReplicateError, match=r"spending limit .*is reached") as refused:
        client.run(MODEL, input={"text": "you"})
    assert refused.value.status == 402
    assert refused.value.title == "Monthly spend limit reached"
    for told in (python_2(priced), javascript(priced)):
        assert "402" in told
        assert "spending limit" in told
    rows = csv.DictReader(io.StringIO(cli(priced, "usage", "--by", "model", "--csv")))
    row = next(row for row in rows if row["model"] == MODEL)
    assert row["runs"] == "1"
    assert float(row["amount"]) == pytest.approx(float(row["active_time"]), abs=1e-6)
    assert "reached" in cli(priced, "limit", "show")
    cli(priced, "limit", "set", "--monthly", "1000")
    assert client.run(MODEL, input={"text": "you"}) == "hello you"
    cli(priced, "limit", "remove")
    assert cli(priced, "limit", "show") == ""


def test_what_runs_is_stopped_at_the_limit_where_the_operator_wants_that(priced: Server) -> None:
    priced.stop()
    priced.settings["limit_stops"] = True
    priced.start()
    cli(priced, "limit", "set", "--monthly", str(spent(priced) + 2))
    made = call(priced, "POST", "/models/mainspring/slow/predictions", input={"seconds": 60})
    until(lambda: call(priced, "GET", f"/predictions/{made['id']}")["status"] == "canceled")
    ended = call(priced, "GET", f"/predictions/{made['id']}")
    assert 2 <= float(ended["cost"]["amount"]) < 20, "it ran until the limit, and pays for that"


def python_2(server: Server) -> str:
    environ = server.environ() | {"REPLICATE_BASE_URL": f"{server.tls_url}/v1"}
    command = [PYTHON2, CLIENTS / "spending2.py", MODEL]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def javascript(server: Server) -> str:
    command = ["node", "spending.mjs", MODEL]
    done = subprocess.run(
        command, cwd=CLIENTS, env=server.environ(), capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr
