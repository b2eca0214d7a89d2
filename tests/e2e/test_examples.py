"""A project's example.json: run when the project is pushed, and what the model's page opens with."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.bundle import pack
from tests.e2e.server import TOKEN, Server

PREDICT = """
from typing import Optional
from cog import BasePredictor, Input, Path as File

class Predictor(BasePredictor):
    def predict(self, name: str, note: Optional[File] = Input(default=None)) -> str:
        if name == "nobody":
            raise ValueError("nobody is there")
        return f"{name}: {note.read_text() if note else 'nothing'}"
"""


def project(at: Path, example: dict[str, Any] | str, **files: str) -> Path:
    at.mkdir(exist_ok=True)
    (at / "cog.yaml").write_text("predict: predict.py:Predictor\n")
    (at / "predict.py").write_text(PREDICT)
    (at / "example.json").write_text(example if isinstance(example, str) else json.dumps({"input": example}))
    for name, text in files.items():
        (at / name).write_text(text)
    return at


def call(server: Server, path: str, **kwargs: Any) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.get(f"{server.url}/v1/{path}", headers=headers, trust_env=False, timeout=60, **kwargs).json()


def shown(server: Server, model: str) -> Any:
    return call(server, f"models/{model}")["default_example"]


def push(server: Server, at: Path, model: str, *options: str) -> str:
    done = server.cli("push", at, model, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stderr.split())


def test_a_push_shows_the_model_with_it_once(server: Server, tmp_path: Path) -> None:
    model = "mainspring/greeter"
    source = project(tmp_path / "p", {"name": "ada", "note": "@note"}, note="hello")
    said = push(server, source, model)
    first = shown(server, model)
    assert first["output"] == "ada: hello"
    assert httpx.get(first["input"]["note"], trust_env=False).text == "hello", "everybody can read its file"
    assert f"Its page opens with this example: {server.url}/{model}" in said
    page = httpx.get(f"{server.url}/{model}", trust_env=False).text
    assert first["id"] in page

    (source / "note").write_text("good evening")
    assert "Running its example" not in push(server, source, model), "one is enough"
    assert shown(server, model)["id"] == first["id"]
    assert "Running its example" in push(server, source, model, "--example")
    assert shown(server, model)["output"] == "ada: good evening"


@pytest.mark.parametrize(
    ("example", "told"),
    [
        ({"name": "nobody"}, "Its example is failed: nobody is there"),
        ({"name": 5, "note": "@none"}, "Its example can't be run: - input.name"),
        ("[]", "Its example can't be read: example.json: Expected `object`, got `array`"),
        ({"name": "ada", "note": "@link"}, "Its example can't be run: "),
    ],
    ids=["fails", "is refused", "is unreadable", "names a link"],
)
def test_a_bad_one_is_told_and_the_version_is_there(
    server: Server, tmp_path: Path, example: dict[str, Any] | str, told: str
) -> None:
    model = f"mainspring/{tmp_path.name.replace('_', '-').strip('-')}"
    source = project(tmp_path / "p", example)
    (source / "link").symlink_to("predict.py")
    assert told in push(server, source, model)
    assert shown(server, model) is None
    assert call(server, f"models/{model}")["latest_version"] is not None


def test_it_is_left_out_on_request_and_without_the_right_to_run(server: Server, tmp_path: Path) -> None:
    model, source = "mainspring/quiet", project(tmp_path / "p", {"name": "ada"})
    assert "example" not in push(server, source, model, "--no-example")
    made = server.cli("token", "create", "pusher", "--scope", "read", "--scope", "push")
    token = made.stdout.split()[-1]
    packed = io.BytesIO()
    pack(source, packed)

    def post(**query: str) -> httpx.Response:
        return httpx.post(
            f"{server.url}/v1/models/{model}/push",
            params=query,
            content=packed.getvalue(),
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )

    refused = post(example="true")
    assert refused.status_code == 403
    assert "lacks the scope run" in refused.json()["detail"]
    last = json.loads(post().text.splitlines()[-1])
    assert (last["event"], last["example"]) == ("version", None)
    assert shown(server, model) is None


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    yield server
    server.stop()


def test_the_projects_of_the_start_are_shown_with_theirs(fresh: Server, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    sources = [project(tmp_path / name, {"name": name}) for name in ("one", "two")]
    fresh.arguments = tuple(str(part) for source in sources for part in ("--push", source))
    fresh.start()
    until = time.monotonic() + 100
    while (last := call(fresh, "models/mainspring/two")).get("default_example") is None:
        assert time.monotonic() < until, fresh.log.read_text()
        time.sleep(0.05)
    assert last["default_example"]["output"] == "two: nothing"
    assert shown(fresh, "mainspring/one")["output"] == "one: nothing"
    assert fresh.stop() == 0
    fresh.start()
    while "mainspring/two is unchanged" not in fresh.log.read_text():
        assert time.monotonic() < until, fresh.log.read_text()
        time.sleep(0.05)
    push(fresh, project(tmp_path / "three", {"name": "three"}), "mainspring/three")
    assert len(call(fresh, "predictions")["results"]) == 3, "what is shown already is not run again"
