"""The helpers of the official clients, each in its own process, over a house with two pages of models."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import replicate
from replicate.exceptions import ReplicateError

from mainspring.settings import Settings
from tests.api.house import House
from tests.api.samples import PREDICTION, furnish
from tests.api.served import Served, serve

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "e2e" / "clients"
PYTHON2 = ROOT / ".venv-replicate2" / "bin" / "python"
MODELS = 102
SEEN = {
    "account": "ada",
    "hardware": ["cpu"],
    "found": ["hello"],
    "collections": ["greetings"],
    "collection": ["hello"],
    "example": PREDICTION,
    "versions": ["a"],
    "version": "0.23.1",
    "predictions": ["succeeded"],
}


async def _many(house: House) -> None:
    await furnish(house)
    for number in range(MODELS - 2):
        await house.model(f"m{number:03}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("house")
    with serve(root, Settings(data=root), _many) as running:
        yield running
        assert running.faults == []


def _run(served: Served, *command: str | Path) -> dict[str, Any]:
    environ = {**os.environ, "REPLICATE_API_TOKEN": served.tokens["ada"]}
    done = subprocess.run(
        [*command, f"{served.url}/v1"], cwd=CLIENTS, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen | SEEN == seen
    assert seen["models"] == MODELS
    assert seen["cover"] == f"{served.url}/outputs/p/c/out.png"
    assert seen["files"] is True
    return seen


def test_python_2(served: Served) -> None:
    seen = _run(served, PYTHON2, "helpers2.py")
    assert seen["search"][0] == "hello"
    assert "/docs/api#collections.list" in seen["pages"]
    assert seen["readme"] == "# Hello\n\nIt greets."
    assert seen["examples"] == [PREDICTION]
    assert seen["updated"] == "Second"
    assert seen["file"] == ["two.txt", "text/plain", {"a": {"b": "1"}}]
    assert seen["got"] is True
    assert seen["NotFoundError"] == "File not found"
    assert seen["UnprocessableEntityError"].startswith("The specified version does not exist")


def test_javascript(served: Served) -> None:
    seen = _run(served, "node", "helpers.mjs")
    assert seen["made"] == "js"
    assert seen["file"] == ["js.txt", "text/plain", {"from": "js"}]
    assert (seen["got"], seen["refused"]) == (2, 404)


def test_python_1(served: Served) -> None:
    client = replicate.Client(api_token=served.tokens["ada"], base_url=served.url)
    assert client.accounts.current().username == "ada"
    assert client.hardware.list()[0].sku == "cpu"
    pages = list(replicate.paginate(client.models.list))
    assert len({m.name for page in pages for m in page.results}) >= MODELS
    assert len(pages) == 2
    assert [m.name for m in client.models.search("greets").results] == ["hello"]
    assert [one.slug for one in client.collections.list()] == ["greetings"]
    greetings = client.collections.get("greetings")
    assert [m.name for m in greetings.models or []] == ["hello"]
    model = client.models.get("ada/hello")
    assert model.default_example is not None
    assert model.default_example.id == PREDICTION
    assert [v.id for v in model.versions.list()] == ["a" * 64]
    assert model.versions.get("a" * 64).cog_version == "0.23.1"
    assert [p.status for p in client.predictions.list()] == ["succeeded"]
    with pytest.raises(ReplicateError) as refused:
        client.collections.get("none")
    assert refused.value.status == 404
