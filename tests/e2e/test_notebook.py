"""The notebook runs from its first cell to its last, by light models alone and with the heavy ones."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tests.e2e.examples import MODELS, WEIGHTS, Kept, add
from tests.e2e.notebook import NOTEBOOK, executed
from tests.e2e.server import Server


def test_it_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def light(said: str) -> None:
    assert "hello Alice" in said
    assert said.lower().count("copper") >= 2
    assert said.count("\n- ") >= 2
    assert "image/png" in said
    assert "succeeded hello Bob" in said
    assert "told: succeeded hello Carol" in said
    assert "404 The requested resource could not be found." in said
    assert "401 You did not pass a valid authentication token" in said
    assert "IT WORKS!" in said
    assert "WARM! after" in said
    assert said.count("ping: ") == 3


@pytest.mark.timeout(600)
def test_it_runs_by_light_models(server: Server, tmp_path: Path) -> None:
    add(server, "replicate/hello-world")
    for name in ("smollm2-135m-instruct", "real-esrgan"):
        server.push(MODELS / "mainspring" / name, f"mainspring/{name}")
    said = executed(server, tmp_path)
    light(said)
    assert "stability-ai/sdxl is not installed" in said


@pytest.mark.models
@pytest.mark.timeout(3600)
def test_it_runs_by_heavy_models_too(tmp_path: Path) -> None:
    server, kept = Server(tmp_path / "data", webhook_hosts="localhost", setup_timeout_s=900).start(), Kept()
    try:
        kept.lend(server)
        add(server, *("replicate/hello-world", "mainspring/smollm2-135m-instruct", "mainspring/real-esrgan"))
        add(server, "openai/whisper")
        for model, weights in (("stability-ai/sdxl", "sdxl-shapes"), ("salesforce/blip-2", "blip2-shapes")):
            add(server, model, "--weights", WEIGHTS / weights)
        said = executed(server, tmp_path / "run")
        kept.take(server)
    finally:
        server.stop()
    light(said)
    assert "is not installed" not in said
    assert "The harvest was late this year" in said
    assert "\nblue" in said
