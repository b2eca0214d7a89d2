"""Weights from an object store, and the examples that models are shown with, on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Server
from tests.e2e.shop import LARGE, PUBLIC, add, adding, call, kill_in_the_middle, run, write_catalogue
from tests.services.store_double import StoreDouble, running_store


@pytest.fixture(scope="module")
def s3() -> Iterator[StoreDouble]:
    with running_store() as store:
        store.put("team/brushes", {"brush.txt": b"chalk", "large.bin": LARGE * 8})
        yield store


@pytest.fixture(scope="module")
def shop(s3: StoreDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("shop")
    server = Server(root / "data", catalogue=write_catalogue(root / "catalogue"))
    with pytest.MonkeyPatch.context() as patched:
        for name, value in s3.environ.items():
            patched.setenv(name, value)
        yield server.start()
    server.stop()


@pytest.mark.timeout(300)
def test_weights_from_an_object_store_survive_kill_9(shop: Server, s3: StoreDouble) -> None:
    s3.forget()
    s3.road.most, s3.road.times, s3.road.hold = 3 << 20, 1, True
    url = "s3://models/team/brushes"
    begun = adding(shop, "stability-ai/sdxl", "--weights", url, "--yes")
    weights = shop.data / "weights"
    kill_in_the_middle(shop)
    begun.communicate(timeout=60)
    s3.forget()
    s3.road.go.set()
    (part,) = weights.glob(".partial-store-*/large.bin.part")
    kept = part.stat().st_size
    assert 0 < kept < len(LARGE) * 8

    shop.start()
    said = add(shop, "stability-ai/sdxl", "--weights", url, "--yes", "--example")
    assert "called brushes: not stability-ai/sdxl's own" in said
    assert ("/models/team/brushes/large.bin", kept) in s3.road.asked
    ended = run(shop, PUBLIC, prompt="a tree")
    assert ended["output"] == "a tree with chalk, OSError"
    assert ended["ran"]["weights"] == "brushes"
    (whole,) = weights.glob("store-brushes-*/large.bin")
    assert whole.read_bytes() == LARGE * 8

    asked = len(s3.road.asked)
    again = add(shop, "stability-ai/sdxl", "--yes")
    assert f"Weights: {url}, called brushes" in again
    assert len(s3.road.asked) == asked, "nothing changed, so nothing is loaded"
    s3.put("team/brushes", {"brush.txt": b"charcoal"})
    add(shop, "stability-ai/sdxl", "--yes")
    assert run(shop, PUBLIC, prompt="a tree")["output"] == "a tree with charcoal, OSError"
    shop.stop()
    shop.start()
    assert not whole.exists(), "what the store has no more goes when the server starts"
    assert len(list(weights.glob("store-brushes-*"))) == 1
    log = shop.log.read_text() + said + again
    assert "s3-secret" not in log
    assert "AKIATEST" not in log
    add(shop, "stability-ai/sdxl", "--weights", "s3://models/none", "--yes", fails="There is nothing under")


@pytest.mark.timeout(300)
def test_the_example_is_run_once_and_on_request(shop: Server, tmp_path: Path) -> None:
    def shown() -> Any:
        return call(shop, "GET", "/v1/models/stability-ai/sdxl").json()["default_example"]

    shop.cli("catalog", "remove", "stability-ai/sdxl", "--yes")
    (tmp_path / "ink").mkdir()
    (tmp_path / "ink" / "brush.txt").write_text("ink")
    said = add(shop, "stability-ai/sdxl", "--yes")
    assert "Its example was not run: the model has no weights yet" in said
    said = add(shop, "stability-ai/sdxl", "--weights", f"file://{tmp_path}/ink", "--yes")
    assert "the model is made for gpu-l40s, and without a GPU that can take long" in said
    assert "mainspring catalog add stability-ai/sdxl --example" in said
    assert shown() is None
    said = add(shop, "stability-ai/sdxl", "--example", "--yes")
    first = shown()
    assert first["output"] == "a boat at sea with ink, OSError"
    assert first["ran"]["weights"] == "ink"
    assert "Its page opens with this example" in said

    (tmp_path / "ink" / "brush.txt").write_text("tar")
    add(shop, "stability-ai/sdxl", "--weights", tmp_path / "ink", "--called", "tar", "--example", "--yes")
    second = shown()
    assert second["output"] == "a boat at sea with tar, OSError"
    listed = call(shop, "GET", "/v1/models/stability-ai/sdxl/examples").json()["results"]
    assert [each["id"] for each in listed] == [second["id"]], "the old one is shown no more"

    mine = run(shop, "stability-ai/sdxl", prompt="my own")["id"]
    path = "/v1/models/stability-ai/sdxl/examples"
    assert call(shop, "POST", path, json={"prediction": mine, "default": True}).status_code == 201
    add(shop, "stability-ai/sdxl", "--yes")
    assert shown()["id"] == mine, "what the operator shows stays"


@pytest.mark.timeout(300)
def test_an_example_of_an_installation_that_is_given_up_is_stopped(shop: Server, tmp_path: Path) -> None:
    example = shop.data.parent / "catalogue" / "packages" / "painter" / "example.json"
    before = example.read_text()
    example.write_text('{"input": {"prompt": "slowly"}}')
    (tmp_path / "brush.txt").write_text("ink")
    begun = adding(shop, "stability-ai/sdxl", "--weights", str(tmp_path), "--example", "--yes")
    try:
        assert begun.stderr is not None
        for line in begun.stderr:
            if "is processing" in line:
                break
        begun.kill()
        begun.wait()
        until = time.monotonic() + 30
        while (last := call(shop, "GET", "/v1/predictions").json()["results"][0])["status"] != "canceled":
            assert time.monotonic() < until, last
            time.sleep(0.05)
        assert last["input"] == {"prompt": "slowly"}
    finally:
        example.write_text(before)
