"""What is seen while a prediction runs: tokens of async models as they come, several at once; pushes that fail."""

from __future__ import annotations

import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Pushed
from tests.e2e.projects import write_project
from tests.e2e.server import Server
from tests.e2e.test_crash import call, create, ended


@pytest.mark.parametrize("model", ["tokens", "async-tokens"])
def test_tokens_come_one_by_one_while_the_model_runs(server: Server, pushed: Pushed, model: str) -> None:
    made = create(server, pushed(model), prompt="x", count=5, delay=0.2)
    with urllib.request.urlopen(made["urls"]["stream"], timeout=60) as stream:
        for line in stream:
            if line.startswith(b"event: output"):
                break
        seen = call(server, "GET", f"/v1/predictions/{made['id']}")
        assert seen["status"] == "processing"
        assert 1 <= len(seen["output"]) < 5
        rest = stream.read().decode()
    assert rest.count("event: output") == 4
    assert rest.rstrip().endswith("data: {}")


def test_an_async_model_runs_as_many_at_once_as_its_author_allows(server: Server, pushed: Pushed) -> None:
    model = pushed("async-tokens")
    call(server, "POST", f"/v1/models/{model}/predictions", {"input": {"prompt": "warm"}}, Prefer="wait")
    made = [create(server, model, prompt=str(n), count=3, delay=0.5) for n in range(4)]
    firsts: list[str] = []

    def read_first(prediction: dict[str, Any]) -> None:
        with urllib.request.urlopen(prediction["urls"]["stream"], timeout=60) as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    firsts.append(line.decode())
                    return

    readers = [threading.Thread(target=read_first, args=(prediction,)) for prediction in made]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    running = [call(server, "GET", f"/v1/predictions/{p['id']}") for p in made]
    assert [p["status"] for p in running] == ["processing"] * 4
    assert len(firsts) == 4
    for number, prediction in enumerate(made):
        assert "".join(ended(server, prediction["id"])["output"]) == "".join(
            f"{number}{i} " for i in range(3)
        )


def test_an_async_prediction_is_canceled_while_others_go_on(server: Server, pushed: Pushed) -> None:
    model = pushed("async-tokens")
    stays, goes = (create(server, model, prompt=p, count=4, delay=0.3) for p in ("a", "b"))
    while not call(server, "GET", f"/v1/predictions/{goes['id']}")["output"]:
        pass
    canceled = call(server, "POST", f"/v1/predictions/{goes['id']}/cancel")
    assert canceled["status"] == "canceled"
    assert 1 <= len(canceled["output"]) < 4, "what came before is kept"
    assert len(ended(server, stays["id"])["output"]) == 4


BROKEN = {
    "bad-yaml": ("cog.yaml", "predict: predict.py:Predictor\nbuild: [\n", "line"),
    "no-class": ("predict.py", "x = 1\n", "Predictor"),
    "import-error": ("predict.py", "import nowhere_to_be_found\n", "nowhere_to_be_found"),
    "resolver": (
        "cog.yaml",
        "build:\n  python_packages: ['six==1.16.0', 'six==1.15.0']\npredict: predict.py:Predictor\n",
        "six",
    ),
    "other-python": ("cog.yaml", "build:\n  python_version: '3.99'\npredict: predict.py:Predictor\n", "3.99"),
    "system-package": (
        "cog.yaml",
        "build:\n  system_packages: [no-such-package-here]\npredict: predict.py:Predictor\n",
        "no-such-package-here",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_push_that_fails_says_why_and_registers_nothing(server: Server, tmp_path: Path, name: str) -> None:
    directory = write_project("tokens", tmp_path)
    file, text, told = BROKEN[name]
    (directory / file).write_text(text)
    done = server.cli("push", directory, f"mainspring/{name}")
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
    models = call(server, "GET", "/v1/models")["results"]
    assert name not in [m["name"] for m in models]


def test_the_same_push_twice_is_the_same_version(server: Server, tmp_path: Path) -> None:
    directory = write_project("hello", tmp_path)
    versions = []
    for _ in range(2):
        server.push(directory, "mainspring/twice")
        versions.append(call(server, "GET", "/v1/models/mainspring/twice")["latest_version"]["id"])
    assert versions[0] == versions[1]
    assert len(call(server, "GET", "/v1/models/mainspring/twice/versions")["results"]) == 1
    (directory / "predict.py").write_text((directory / "predict.py").read_text().replace("hello", "hullo"))
    server.push(directory, "mainspring/twice")
    assert len(call(server, "GET", "/v1/models/mainspring/twice/versions")["results"]) == 2


def test_mainspring_run_streams_text_and_saves_files(server: Server, pushed: Pushed, tmp_path: Path) -> None:
    done = server.cli("run", pushed("tokens"), "-i", "prompt=z", "-i", "count=3")
    assert (done.returncode, done.stdout.strip()) == (0, "z0 z1 z2")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"some bytes")
    done = server.cli("run", pushed("invert"), "-i", f"image=@{photo}", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "result.png").read_bytes().startswith(b"\x89PNG")
    done = server.cli("run", pushed("listen"), "-i", f"audio=@{photo}")
    assert done.returncode == 1
    assert "RIFF" in done.stderr


def test_a_new_model_is_described_by_its_readme(server: Server, tmp_path: Path) -> None:
    directory = write_project("hello", tmp_path)
    (directory / "README.md").write_text("# Hello\n\n![x](y.png)\n\nSays `hello` to [whoever](z) you name.\n")
    server.push(directory, "mainspring/described")
    model = call(server, "GET", "/v1/models/mainspring/described")
    assert model["description"] == "Says hello to whoever you name."


def test_files_inside_other_output_keep_their_places_and_names(server: Server, pushed: Pushed) -> None:
    model = pushed("nested")
    done = call(server, "POST", f"/v1/models/{model}/predictions", {"input": {}}, Prefer="wait")
    output = done["output"]
    assert output["n"] == 1
    for url, name in zip(
        [*output["files"], output["deep"]["again"]], ("a.txt", "b.txt", "a.txt"), strict=True
    ):
        assert url.startswith(f"{server.url}/outputs/{done['id']}/")
        assert url.endswith(f"/{name}")
        with urllib.request.urlopen(url, timeout=10) as reply:
            assert (reply.read(), reply.headers["access-control-allow-origin"]) == (name.encode(), "*")
