"""What a hostile model can reach on the machine it runs on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Pushed
from tests.e2e.projects import PROJECTS, write_project
from tests.e2e.server import TOKEN, Server
from tests.e2e.test_crash import call

PROJECTS["spy"] = """
import os
from pathlib import Path as P
from typing import Any
from cog import BasePredictor

def attempt(action):
    try:
        return str(action())[:200]
    except Exception as error:
        return "refused: " + type(error).__name__

class Predictor(BasePredictor):
    def predict(self, data: str, server: int) -> dict[str, Any]:
        return {
            "ledger": attempt(lambda: P(data, "ledger.sqlite").read_bytes()),
            "key": attempt(lambda: P(data, "key").read_bytes()),
            "ca": attempt(lambda: P(data, "ca-key.pem").read_bytes()),
            "listing": attempt(lambda: os.listdir(data)),
            "instances": attempt(lambda: os.listdir(P(data, "instances"))),
            "environ": attempt(lambda: P(f"/proc/{server}/environ").read_bytes()),
            "home": attempt(lambda: os.listdir(P.home().parent / "root")),
            "source": attempt(lambda: P(__file__).write_text("x")),
            "own": attempt(lambda: P("mine.txt").write_text("x")),
            "tmp": attempt(lambda: P("/tmp/mine.txt").write_text("x")),
            "variables": sorted(k for k in os.environ if "TOKEN" in k or "SECRET" in k),
        }
"""


def test_a_model_sees_nothing_of_the_platform(server: Server, pushed: Pushed) -> None:
    model = pushed("spy")
    if "confined to their own files" not in server.cli("doctor", "--plain").stdout:
        pytest.skip("this machine can't confine models")
    assert server.process is not None
    body = {"input": {"data": str(server.data), "server": server.process.pid}}
    seen = call(server, "POST", f"/v1/models/{model}/predictions", body, Prefer="wait")["output"]
    for secret in ("ledger", "key", "ca", "environ"):
        assert seen[secret].startswith("refused"), (secret, seen[secret])
    assert "ledger" not in seen["listing"]
    assert seen["instances"].count("01") <= 1, "only its own"
    assert TOKEN not in json.dumps(seen)
    assert (seen["own"], seen["tmp"], seen["variables"]) == ("1", "1", [])
    assert not Path("/tmp/mine.txt").exists()


def test_a_model_sees_nothing_of_the_platform_while_it_is_pushed_either(
    server: Server, tmp_path: Path
) -> None:
    if "confined to their own files" not in server.cli("doctor", "--plain").stdout:
        pytest.skip("this machine can't confine models")
    directory = write_project("hello", tmp_path)
    spying = f"""
for name in ("ledger.sqlite", "key", "ca-key.pem"):
    try:
        open({str(server.data)!r} + "/" + name, "rb").read()
    except OSError:
        continue
    raise RuntimeError("could read " + name)
open("/tmp/left-behind", "w").write("x")
"""
    (directory / "predict.py").write_text(spying + (directory / "predict.py").read_text())
    server.push(directory, "mainspring/importing-spy")
    assert not Path("/tmp/left-behind").exists()
