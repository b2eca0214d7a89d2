"""`mainspring train` from the first request to the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server_double import FILE, TEXT, VERSION, Double, schema
from typer.testing import Result

Cli = Callable[..., Result]
MADE = {"version": "ada/tuned:" + "cd" * 32, "weights": "http://here/outputs/x"}


@pytest.fixture
def trainable(server: Double) -> Double:
    learns = {
        "type": "object",
        "properties": {"text": FILE, "epochs": {"type": "integer"}},
        "required": ["text"],
    }
    server.document = schema({"prompt": TEXT}, TEXT, TrainingInput=learns, TrainingOutput={"type": "object"})
    server.states = [
        {"status": "processing", "logs": "epoch 1\n"},
        {"status": "succeeded", "logs": "epoch 1\nepoch 2\n", "output": MADE},
    ]
    return server


def test_the_new_version_goes_to_stdout_and_logs_to_stderr(trainable: Double, cli: Cli, home: Path) -> None:
    (home / "a.txt").write_text("words")
    done = cli("train", "acme/hello", "--destination", "ada/tuned", "-i", "text=@a.txt", "-i", "epochs=3")
    assert (done.exit_code, done.stdout) == (0, MADE["version"] + "\n")
    assert done.stderr == "epoch 1\nepoch 2\nUse it: mainspring run ada/tuned\n"
    given = {"text": f"{trainable.url}/v1/files/f1", "epochs": 3}
    path = f"/v1/models/acme/hello/versions/{VERSION}/trainings"
    assert trainable.created == [(path, {"destination": "ada/tuned", "input": given})]
    assert trainable.changed == []


def test_a_destination_that_is_not_there_is_made(trainable: Double, cli: Cli) -> None:
    asked = ["train", f"acme/hello:{'ef' * 32}", "-d", "ada/missing", "-i", "text=https://example.com/a.txt"]
    done = cli(*asked, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["output"] == MADE
    new: dict[str, Any] = {"owner": "ada", "name": "missing", "visibility": "private", "hardware": "cpu"}
    assert trainable.changed == [("POST", "/v1/models", new)]
    assert trainable.created[0][0] == f"/v1/models/acme/hello/versions/{'ef' * 32}/trainings"


def test_a_failure_is_told(trainable: Double, cli: Cli) -> None:
    trainable.states = [{"status": "failed", "error": "no data", "logs": "x\n"}]
    done = cli("train", "acme/hello", "-d", "ada/tuned", "-i", "text=https://example.com/a.txt")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "failed: no data\ntraining p1\n" in done.stderr


def test_what_can_not_be_trained_is_told_before_anything_is_sent(server: Double, cli: Cli) -> None:
    done = cli("train", "acme/hello", "-d", "ada/tuned")
    assert done.exit_code == 1
    assert "can't be trained" in done.stderr
    done = cli("train", "acme/hello", "-d", "ada/tuned:1")
    assert "A destination is a model" in done.stderr
    assert (server.created, server.changed) == ([], [])


def test_a_wrong_input_is_told_with_what_there_is(trainable: Double, cli: Cli) -> None:
    done = cli("train", "acme/hello", "-d", "ada/tuned", "-i", "prompt=x")
    assert done.exit_code == 1
    assert "no input 'prompt'" in done.stderr
    assert "text: file (required)" in done.stderr
