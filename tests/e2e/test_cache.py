"""Stored results as users meet them: commands declare a model, every client takes and refuses them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import replicate

from tests.e2e.projects import write_project
from tests.e2e.server import TOKEN, Server
from tests.e2e.test_other_clients import CLIENTS, PYTHON2

MODEL = "mainspring/repeats"


@pytest.fixture
def declared(server: Server, tmp_path: Path) -> str:
    project = write_project("tokens", tmp_path)
    # A version of its own: an id that two models have is not this one's alone.
    with (project / "predict.py").open("a") as code:
        code.write("\n# It repeats itself.\n")
    server.push(project, MODEL)
    done = server.cli("model", "set", MODEL, "--deterministic", "--retention", "24h")
    assert done.returncode == 0, done.stderr
    return MODEL


def test_every_client_takes_a_result_and_refuses_it(
    server: Server, declared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = told_by(server, [PYTHON2, CLIENTS / "cache2.py", declared])
    assert two == {"told": [False, True, False], "output": ["two0 two1 "] * 3}
    script = told_by(server, ["node", CLIENTS / "cache.mjs", declared])
    assert script["told"] == {"asked": False, "again": True, "refused": False}
    assert (script["output"], script["streamed"]) == (["js0 js1 "] * 3, "js0 js1 ")
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    asking = {"Cache-Control": "max-age=3600"}
    one = replicate.Client(api_token=TOKEN, base_url=server.tls_url, headers=dict(asking))
    version = one.models.get(declared).latest_version
    assert version is not None
    made = [one.predictions.create(version=version, input={"prompt": "two", "count": 2}) for _ in range(2)]
    assert [(p.status, p.output, (p.metrics or {}).get("cached")) for p in made] == [
        ("succeeded", ["two0 ", "two1 "], True)
    ] * 2
    assert "".join(str(event) for event in made[0].stream()) == "two0 two1 "
    asked = ("run", declared, "-i", "prompt=two", "-i", "count=2")
    taken, refused = server.cli(*asked, "--cache"), server.cli(*asked, "--no-cache")
    assert taken.stdout == refused.stdout == "two0 two1 \n"
    assert ("saved" in taken.stderr, "saved" in refused.stderr) == (True, False)
    shown = json.loads(server.cli("cache", "show", declared, "--json").stdout)["results"]
    assert [(row["saved"]["hits"], row["entries"]) for row in shown] == [(6, 2)]
    assert declared in server.cli("cache", "show").stdout
    assert "6, " in server.cli("model", "show", declared).stdout
    assert "2 stored results are forgotten" in server.cli("cache", "purge", declared).stderr
    assert "saved" not in server.cli(*asked, "--cache").stderr


def told_by(server: Server, command: list[str | Path]) -> Any:
    environ = server.environ() | {"REPLICATE_BASE_URL": f"{server.tls_url}/v1"}
    done = subprocess.run(
        command, cwd=CLIENTS, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
