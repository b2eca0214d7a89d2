"""A real training of a model of the house: by every official client, by the command line, and across a kill."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import replicate
from replicate.exceptions import ReplicateError

from tests.e2e.server import TOKEN, Server
from tests.e2e.test_crash import call, ended
from tests.e2e.test_other_clients import CLIENTS, PYTHON2

IMITATOR = Path(__file__).parents[2] / "models" / "mainspring" / "imitator"
TEXT = IMITATOR / "harbour.txt"
BASE = "mainspring/imitator"
ASKED = {"prompt": "The ", "seed": 7, "length": 120}
WORDS = set(re.findall(r"[a-z]{3,}", TEXT.read_text().lower()))


def familiar(text: str) -> int:
    """How many words of the text that was learned are in `text`."""
    return len(WORDS & set(re.findall(r"[a-z]{3,}", text.removeprefix("The ").lower())))


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("school") / "data", private_urls=True).start()
    running.push(IMITATOR, BASE)
    yield running
    running.stop()


@pytest.fixture
def client(school: Server, monkeypatch: pytest.MonkeyPatch) -> replicate.Client:
    monkeypatch.setenv("SSL_CERT_FILE", str(school.ca))
    return replicate.Client(api_token=TOKEN, base_url=school.tls_url)


def destination(client: replicate.Client, name: str) -> str:
    client.models.create(owner="mainspring", name=name, visibility="private", hardware="cpu")
    return f"mainspring/{name}"


def base_version(client: replicate.Client) -> str:
    version = client.models.get(BASE).latest_version
    assert version is not None
    return f"{BASE}:{version.id}"


def train(client: replicate.Client, name: str, **given: Any) -> Any:
    with TEXT.open("rb") as text:
        return client.trainings.create(
            version=base_version(client), input={"text": text, **given}, destination=name
        )


def poll(training: Any, *until: str) -> None:
    while training.status not in (*until, "succeeded", "failed", "canceled"):
        time.sleep(0.02)
        training.reload()


def test_the_python_client_trains(client: replicate.Client) -> None:
    name = destination(client, "keeper")
    training = train(client, name)
    assert (training.status, training.model) == ("starting", BASE)
    poll(training, "processing")
    poll(training)
    assert training.status == "succeeded", training.error
    assert "100%|████████████████████| 4/4" in training.logs
    assert training.destination == name
    assert training.output["version"].startswith(f"{name}:")
    weights = client._client.get(training.output["weights"])
    assert weights.json().keys() == {"alphabet", "scores"}
    before, after = (
        client.run(one, input=ASKED) for one in (base_version(client), training.output["version"])
    )
    assert before != after
    assert familiar(before) == 0
    assert familiar(after) >= 4, after
    latest = client.models.get(name).latest_version
    assert latest is not None
    assert f"{name}:{latest.id}" == training.output["version"]
    assert training.id in [one.id for one in client.trainings.list()]
    as_prediction = client.predictions.get(training.id)
    assert (as_prediction.status, as_prediction.output) == ("succeeded", training.output)


def test_what_was_trained_is_trained_further(client: replicate.Client) -> None:
    name = destination(client, "further")
    first = train(client, name, epochs=1)
    poll(first)
    with TEXT.open("rb") as text:
        second = client.trainings.create(
            version=first.output["version"], input={"text": text, "epochs": 1}, destination=name
        )
    poll(second)
    assert second.status == "succeeded", second.error
    losses = [float(re.findall(r"loss ([\d.]+)", one.logs)[-1]) for one in (first, second)]
    assert losses[1] < losses[0] / 1.3


def test_progress_is_live_and_it_can_be_canceled(client: replicate.Client) -> None:
    name = destination(client, "unfinished")
    training = train(client, name, epochs=50)
    while "epoch" not in (training.logs or "") and "%|" not in (training.logs or ""):
        assert training.status in ("starting", "processing"), training.error
        time.sleep(0.02)
        training.reload()
    training.cancel()
    poll(training)
    assert training.status == "canceled"
    assert "50/50" not in training.logs
    assert client.models.get(name).latest_version is None


def test_the_authors_error_and_bad_requests_are_told(client: replicate.Client, tmp_path: Path) -> None:
    name = destination(client, "refused")
    (tmp_path / "short.txt").write_text("short")
    with (tmp_path / "short.txt").open("rb") as text:
        training = client.trainings.create(
            version=base_version(client), input={"text": text}, destination=name
        )
    poll(training)
    assert training.status == "failed"
    assert training.error.startswith("The text is too short")
    assert "train.py" in training.logs
    with pytest.raises(ReplicateError, match="The specified training destination does not exist"):
        train(client, "mainspring/nothing")
    with pytest.raises(ReplicateError, match="Must be less than or equal to 50"):
        train(client, name, epochs=51)


def test_python_2(school: Server, client: replicate.Client) -> None:
    environ = school.environ() | {"REPLICATE_BASE_URL": f"{school.tls_url}/v1"}
    command = [PYTHON2, CLIENTS / "train2.py", BASE, destination(client, "two"), TEXT]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["status"], seen["listed"], seen["canceled"]) == ("succeeded", True, "canceled")
    assert "3/3" in seen["logs"]
    assert familiar(seen["tuned"]) >= 3


def test_javascript(school: Server, client: replicate.Client) -> None:
    command = ["node", "train.mjs", BASE, destination(client, "js"), TEXT]
    done = subprocess.run(
        command, cwd=CLIENTS, env=school.environ(), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["created"] == ["starting", "succeeded", True]
    assert seen["version"].startswith("mainspring/js:")
    assert (seen["listed"], seen["canceled"], seen["refused"]) == (True, "canceled", [404, True])
    assert familiar(seen["base"]) == 0
    assert familiar(seen["tuned"]) >= 3


def test_the_command_line_trains_into_a_model_that_it_makes(school: Server) -> None:
    done = school.cli(
        "train", BASE, "--destination", "mainspring/cli", "-i", f"text=@{TEXT}", "-i", "epochs=3"
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"mainspring/cli:[0-9a-f]{64}\n", done.stdout)
    assert "made mainspring/cli, a private model" in done.stderr
    assert "3/3" in done.stderr
    run = school.cli("run", "mainspring/cli", "-i", "prompt=The ", "-i", "seed=7", "-i", "length=120")
    assert familiar(run.stdout) >= 3


def test_a_killed_server_trains_again_and_keeps_what_was_learned(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", private_urls=True).start()
    try:
        server.push(IMITATOR, BASE)
        model = call(server, "GET", f"/v1/models/{BASE}")
        call(
            server,
            "POST",
            "/v1/models",
            {"owner": "mainspring", "name": "k", "visibility": "private", "hardware": "cpu"},
        )
        text = "data:text/plain," + TEXT.read_text().replace(" ", "%20").replace("\n", "%0A")
        path = f"/v1/models/{BASE}/versions/{model['latest_version']['id']}/trainings"
        made = call(
            server, "POST", path, {"destination": "mainspring/k", "input": {"text": text, "epochs": 8}}
        )
        while "%|" not in (found := call(server, "GET", f"/v1/trainings/{made['id']}"))["logs"]:
            assert found["status"] in ("starting", "processing"), found
            time.sleep(0.01)
        server.kill()
        server.start()
        final = ended(server, made["id"])
        assert final["status"] == "succeeded", final
        assert final["logs"].count("8/8") == 1
        server.kill()
        server.start()
        made = call(server, "POST", "/v1/models/mainspring/k/predictions", {"input": ASKED})
        assert familiar(ended(server, made["id"])["output"]) >= 4
    finally:
        server.stop()
