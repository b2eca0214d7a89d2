"""Python client 2.0.0b4, npm client 1.4.0 and curl, each in its own process, as users run them."""

from __future__ import annotations

import json
import shutil
import subprocess
import wave
from pathlib import Path

import pytest

from tests.e2e.conftest import Pushed
from tests.e2e.server import TOKEN, Server

CLIENTS = Path(__file__).parent / "clients"
PYTHON2 = Path(__file__).parents[2] / ".venv-replicate2" / "bin" / "python"
AUDIO = {"seconds": 0.5, "language": "en"}


@pytest.fixture
def models(pushed: Pushed) -> list[str]:
    return [pushed(name) for name in ("hello", "tokens", "listen", "invert")]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 4000, "NONE", ""))
        out.writeframes(b"\0\0" * 4000)
    return path


def test_python_2(server: Server, models: list[str], clip: Path) -> None:
    environ = server.environ() | {"REPLICATE_BASE_URL": f"{server.tls_url}/v1"}
    command = [PYTHON2, CLIENTS / "python2.py", *models, clip]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["run"] == "hello two"
    assert (seen["iterate"], seen["stream"]) == ("t0 t1 t2 ", "s0 s1 s2 ")
    assert seen["audio"] | AUDIO == seen["audio"]
    assert seen["image"] == "89504e47"
    assert seen["created"] == ["succeeded", "hello created"]


def test_python_2_repeats_itself_and_makes_one(server: Server, pushed: Pushed) -> None:
    environ = server.environ() | {"REPLICATE_BASE_URL": f"{server.tls_url}/v1"}
    command = [PYTHON2, CLIENTS / "python2_retries.py", pushed("slow"), "order-1"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    its_own = [text for text in seen["made"] if text in ("impatient", "keyed")]
    assert sorted(its_own) == ["impatient", "keyed"]
    assert len(set(seen["keyed"])) == 1
    assert seen["refused"]


def test_javascript(server: Server, models: list[str], clip: Path) -> None:
    command = ["node", "client.mjs", *models, clip]
    done = subprocess.run(
        command, cwd=CLIENTS, env=server.environ(), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["run"] == "hello js"
    assert (seen["iterate"], seen["stream"], seen["done"]) == ("t0 t1 t2 ", "s0 s1 s2 ", "done")
    assert seen["created"] == ["starting", "succeeded", "hello created"]
    assert seen["progress"][-1] == "succeeded"
    assert seen["audio"] | AUDIO == seen["audio"]
    assert seen["image"] == "89504e47"
    assert seen["imageUrl"].startswith(f"{server.tls_url}/outputs/")
    assert seen["refused"] == [422, True]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
class TestCurl:
    def call(self, url: str, *options: str) -> str:
        command = ["curl", "-sS", "-H", f"Authorization: Bearer {TOKEN}", *options, url]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def test_waits_for_the_result(self, server: Server, pushed: Pushed) -> None:
        body = json.dumps({"input": {"text": "curl"}})
        url = f"{server.url}/v1/models/{pushed('hello')}/predictions"
        reply = json.loads(
            self.call(url, "-H", "Prefer: wait", "-H", "Content-Type: application/json", "-d", body)
        )
        assert (reply["status"], reply["output"]) == ("succeeded", "hello curl")

    def test_streams_without_a_token_and_resumes(self, server: Server, pushed: Pushed) -> None:
        body = json.dumps({"input": {"prompt": "c", "count": 3}})
        url = f"{server.url}/models/{pushed('tokens')}/predictions"
        reply = json.loads(self.call(url, "-H", "Content-Type: application/json", "-d", body))
        stream = reply["urls"]["stream"]
        whole = subprocess.run(["curl", "-sSN", stream], capture_output=True, text=True, timeout=60).stdout
        events = [block for block in whole.split("\n\n") if block.startswith("event:")]
        assert [e.split("\n")[0] for e in events] == ["event: output"] * 3 + ["event: done"]
        last = events[1].split("\n")[1].removeprefix("id: ")
        rest = self.call(stream, "-H", f"Last-Event-ID: {last}")
        assert rest.count("event: output") == 1
        assert "data: c2 " in rest

    def test_one_base_url_works_for_everybody(self, server: Server) -> None:
        replies = {self.call(f"{server.url}{prefix}/account") for prefix in ("", "/v1", "/v1/v1")}
        assert len(replies) == 1
        assert json.loads(replies.pop())["username"] == "mainspring"
