"""Deployments of a real server with a real model: official clients, the command line, kill -9 in a rollout."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import replicate
from replicate.exceptions import ReplicateError

from tests.e2e.projects import write_project
from tests.e2e.server import TOKEN, Server
from tests.e2e.test_other_clients import CLIENTS, PYTHON2

MODEL = "mainspring/hello"
SECOND = """
from cog import BaseRunner, Input

class Runner(BaseRunner):
    def run(self, text: str = Input(description="Who to greet")) -> str:
        return "goodbye " + text
"""
BROKEN = """
from cog import BaseRunner

class Runner(BaseRunner):
    def setup(self) -> None:
        raise RuntimeError("no weights")

    def run(self, text: str) -> str:
        return text
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("deployments")
    running = Server(root / "data", deployment_rest_s=0).start()
    project = write_project("hello", root)
    running.push(project, MODEL)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def version(server: Server) -> str:
    return str(call(server, "GET", f"/models/{MODEL}")["latest_version"]["id"])


def call(server: Server, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{server.url}/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read() or b"null")


def until(look: Callable[[], Any], limit_s: float = 60) -> Any:
    until_s = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < until_s
        time.sleep(0.02)
    return found


def check(seen: dict[str, Any], name: str) -> None:
    assert seen == {
        "created": ["mainspring", name, 1, "mainspring"],
        "predicted": ["succeeded", f"hello {name}", f"mainspring/{name}"],
        "updated": [2, 2],
        "got": True,
        "listed": True,
        "deleted": True,
    }


def test_python_1(server: Server, version: str) -> None:
    client = replicate.Client(api_token=TOKEN, base_url=server.url)
    given = {"hardware": "cpu", "min_instances": 0, "max_instances": 1}
    made = client.deployments.create(name="one", model=MODEL, version=version, **given)  # type: ignore[arg-type]
    assert made.current_release is not None
    assert (made.owner, made.current_release.number) == ("mainspring", 1)
    prediction = client.deployments.predictions.create("mainspring/one", {"text": "one"})
    prediction.wait()
    assert (prediction.status, prediction.output) == ("succeeded", "hello one")
    found = client.deployments.get("mainspring/one")
    again = found.predictions.create({"text": "again"})
    again.wait()
    assert again.output == "hello again"
    changed = client.deployments.update("mainspring", "one", max_instances=2)
    assert changed.current_release is not None
    assert changed.current_release.configuration.max_instances == 2
    assert "one" in [each.name for each in client.deployments.list()]
    client.deployments.update("mainspring", "one", min_instances=0, max_instances=0)
    with pytest.raises(ReplicateError, match="is disabled"):
        client.deployments.predictions.create("mainspring/one", {"text": "off"})

    def deleted() -> bool:
        try:
            return client.deployments.delete("mainspring", "one")
        except ReplicateError as error:
            if error.status != 403:
                raise
            return False

    until(deleted)
    with pytest.raises(ReplicateError, match="could not be found"):
        client.deployments.get("mainspring/one")


def test_python_2(server: Server, version: str) -> None:
    environ = server.environ() | {"REPLICATE_BASE_URL": f"{server.tls_url}/v1"}
    command = [PYTHON2, CLIENTS / "deployments2.py", MODEL, version]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), "two")


def test_javascript(server: Server, version: str) -> None:
    command = ["node", "deployments.mjs", MODEL, version]
    done = subprocess.run(
        command, cwd=CLIENTS, env=server.environ(), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), "js")


def test_the_command_line_rolls_out_and_sees_a_rollback(server: Server, version: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = server.cli("deployment", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def predict() -> Any:
        made = call(server, "POST", "/deployments/mainspring/cli/predictions", {"input": {"text": "x"}})
        return until(lambda: ended(server, made["id"]))

    run("create", "cli", f"{MODEL}:{version}", "--max-instances", "2")
    assert predict()["output"] == "hello x"
    for text, output in ((BROKEN, "hello x"), (SECOND, "goodbye x")):
        project = tmp_path / output.replace(" ", "-")
        project.mkdir()
        (project / "predict.py").write_text(text)
        (project / "cog.yaml").write_text("predict: predict.py:Runner\n")
        server.push(project, MODEL)
        run("update", "mainspring/cli", "--version", "latest")

        def settled() -> bool:
            found = json.loads(run("show", "mainspring/cli", "--json"))
            return bool(found["rollout"]["state"] != "booting")

        until(settled)
        assert predict()["output"] == output
    shown = run("show", "mainspring/cli")
    assert "failed" in shown
    assert "no weights" in shown
    assert json.loads(run("list", "--json"))[0]["current_release"]["number"] == 3
    run("update", "mainspring/cli", "--max-instances", "0")
    until(lambda: server.cli("deployment", "delete", "mainspring/cli").returncode == 0)


def ended(server: Server, prediction_id: str) -> Any:
    found = call(server, "GET", f"/predictions/{prediction_id}")
    return found if found["status"] not in ("starting", "processing") else None


def test_a_rollout_survives_kill_9(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        project = write_project("hello", tmp_path)
        server.push(project, MODEL)
        first = call(server, "GET", f"/models/{MODEL}")["latest_version"]["id"]
        body = {"name": "k", "model": MODEL, "version": first, "hardware": "cpu"}
        call(server, "POST", "/deployments", body | {"min_instances": 1, "max_instances": 1})
        (project / "predict.py").write_text(SECOND)
        server.push(project, MODEL)
        second = call(server, "GET", f"/models/{MODEL}")["latest_version"]["id"]
        call(server, "PATCH", "/deployments/mainspring/k", {"version": second})
        made = call(server, "POST", "/deployments/mainspring/k/predictions", {"input": {"text": "x"}})
        server.kill()
        server.start()
        until(lambda: call(server, "GET", "/deployments/mainspring/k")["rollout"]["serving_release"] == 2)
        assert until(lambda: ended(server, made["id"]))["status"] == "succeeded"
        made = call(server, "POST", "/deployments/mainspring/k/predictions", {"input": {"text": "x"}})
        assert until(lambda: ended(server, made["id"]))["output"] == "goodbye x"
    finally:
        server.stop()
