"""A spending limit as users meet it: commands set it, the official clients say that it is reached."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import replicate
from replicate.exceptions import ReplicateError

from tests.e2e.projects import write_project
from tests.e2e.server import MAINSPRING, TOKEN, Server

CLIENTS = Path(__file__).parent / "clients"
PYTHON2 = Path(__file__).parents[2] / ".venv-replicate2" / "bin" / "python"
MODEL = "mainspring/hello"


@pytest.fixture
def priced(tmp_path: Path) -> Iterator[Server]:
    """A server where a CPU costs a dollar a second."""
    config = tmp_path / "mainspring.toml"
    config.write_text("[hardware.cpu]\nprice_per_second = 1.0\n")
    server = Server(tmp_path / "data", compare_prices=True)
    server.arguments = ("--config", str(config))
    yield server.start()
    server.stop()


def cli(server: Server, *words: str) -> str:
    command = [*MAINSPRING, *words]
    done = subprocess.run(command, env=server.environ(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_limit_is_reached(priced: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    priced.push(write_project("hello", tmp_path), MODEL)
    monkeypatch.setenv("SSL_CERT_FILE", str(priced.ca))
    client = replicate.Client(api_token=TOKEN, base_url=priced.tls_url)
    cli(priced, "limit", "set", "--monthly", "0.000001")
    assert client.run(MODEL, input={"text": "you"}) == "hello you"
    with pytest.raises(ReplicateError, match=r"spending limit .*is reached") as refused:
        client.run(MODEL, input={"text": "you"})
    assert refused.value.status == 402
    assert refused.value.title == "Monthly spend limit reached"
    for told in (python_2(priced), javascript(priced)):
        assert "402" in told
        assert "spending limit" in told
    (row,) = csv.DictReader(io.StringIO(cli(priced, "usage", "--by", "model", "--csv")))
    assert (row["model"], row["runs"]) == (MODEL, "1")
    assert float(row["amount"]) == pytest.approx(float(row["active_time"]), abs=1e-6)
    assert "reached" in cli(priced, "limit", "show")
    cli(priced, "limit", "set", "--monthly", "1000")
    assert client.run(MODEL, input={"text": "you"}) == "hello you"
    cli(priced, "limit", "remove")
    assert cli(priced, "limit", "show") == ""


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
