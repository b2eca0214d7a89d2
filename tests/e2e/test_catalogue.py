"""The catalogue on a real server: small models that read weights, a hub on this machine, and Replicate's client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate

from tests.e2e.server import TOKEN, Server
from tests.e2e.shop import (
    COMMIT,
    LARGE,
    MISPRINTED,
    PUBLIC,
    add,
    adding,
    call,
    kill_in_the_middle,
    run,
    write_catalogue,
)
from tests.services.hub_double import HubDouble, running


class HubThread:
    """The hub in a thread of its own, so that it answers while a test waits for a command."""

    def __init__(self, double: HubDouble) -> None:
        self.double = double
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> HubThread:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        self.double.hold = None
        async with running(self.double):
            self._ready.set()
            await self._end.wait()

    def hold(self) -> None:
        """Send a first piece of each large file, then wait."""
        self.double.hold = asyncio.Event()
        self.double.held = asyncio.Event()

    def let_go(self) -> None:
        """Send the rest."""
        hold, self.double.hold = self.double.hold, None
        if hold is not None:
            self._loop.call_soon_threadsafe(hold.set)


@pytest.fixture(scope="module")
def hub() -> Iterator[HubThread]:
    files = {"acme/brushes/brush.txt": b"oil", "acme/brushes/large.bin": LARGE}
    files |= {"joan/brushes/brush.txt": b"water", "joan/brushes/large.bin": b"small"}
    with HubThread(HubDouble(files, COMMIT)) as running_hub:
        yield running_hub


@pytest.fixture(scope="module")
def shop(hub: HubThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("shop")
    catalogue = write_catalogue(root / "catalogue")
    server = Server(root / "data", catalogue=catalogue, hub=hub.double.url, hub_token="hf_secret").start()
    yield server
    server.stop()


@pytest.fixture
def client(shop: Server, monkeypatch: pytest.MonkeyPatch) -> replicate.Client:
    monkeypatch.setenv("SSL_CERT_FILE", str(shop.ca))
    return replicate.Client(api_token=TOKEN, base_url=shop.tls_url)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An operator's weights as a model hub's cache keeps them: links into another directory."""
    root = tmp_path_factory.mktemp("weights")
    (root / "blobs").mkdir()
    (root / "blobs" / "1234").write_text("shapes")
    (root / "sdxl-shapes").mkdir()
    (root / "sdxl-shapes" / "brush.txt").symlink_to("../blobs/1234")
    return root / "sdxl-shapes"


@pytest.mark.timeout(300)
def test_names_and_ids_of_replicate_run_what_the_operator_gave(
    shop: Server, client: replicate.Client, shapes: Path
) -> None:
    bare = run_without_weights(shop)
    assert bare["status"] == "failed"
    assert "mainspring catalog add stability-ai/sdxl --weights DIR" in bare["error"]

    said = add(shop, "stability-ai/sdxl", "--weights", shapes, "--yes")
    assert "sdxl-shapes: not stability-ai/sdxl's own" in said
    painted = "a cat with shapes, "
    for asked in (f"stability-ai/sdxl:{PUBLIC}", f"stability-ai/sdxl:{MISPRINTED}", "stability-ai/sdxl"):
        assert client.run(asked, input={"prompt": "a cat"}).startswith(painted), asked

    model = call(shop, "GET", "/v1/models/stability-ai/sdxl").json()
    assert model["aliases"] == sorted([PUBLIC, MISPRINTED])
    assert model["weights"] == {"name": "sdxl-shapes", "own": False}
    real = model["latest_version"]["id"]
    ran = {"model": "stability-ai/sdxl", "version": real}

    ended = run(shop, MISPRINTED, prompt="a dog")
    assert (ended["made"]["version"], ended["made"]["ran"]) == (MISPRINTED, ran | ended["made"]["ran"])
    assert ended["version"] == MISPRINTED
    assert ended["ran"] == ran | {"weights": "sdxl-shapes"}
    named = run(shop, real, prompt="a dog")
    assert (named["version"], named["ran"]) == (real, ran | {"weights": "sdxl-shapes"})

    version = call(shop, "GET", f"/v1/models/stability-ai/sdxl/versions/{PUBLIC}").json()
    assert (version["id"], version["ran"]) == (PUBLIC, ran)
    assert call(shop, "GET", f"/v1/models/acme/none/versions/{PUBLIC}").status_code == 404
    assert shapes.joinpath("brush.txt").read_text() == "shapes"


def run_without_weights(shop: Server) -> dict[str, Any]:
    said = add(shop, "stability-ai/sdxl", "--yes")
    assert "without weights" in said
    return run(shop, "stability-ai/sdxl")


@pytest.mark.timeout(300)
def test_the_setup_log_says_whose_weights_run(shop: Server, shapes: Path) -> None:
    add(shop, "stability-ai/sdxl", "--weights", shapes, "--yes")
    run(shop, PUBLIC)
    with contextlib.closing(sqlite3.connect(shop.data / "ledger.sqlite")) as ledger:
        logs = [row[0] for row in ledger.execute("SELECT setup_logs FROM instances")]
    assert any("weights: sdxl-shapes (not stability-ai/sdxl's own)" in text for text in logs)


@pytest.mark.timeout(300)
def test_other_weights_take_over_from_those_that_run(shop: Server, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "brush.txt").write_text(name)
        add(shop, "stability-ai/sdxl", "--weights", tmp_path / name, "--called", f"{name} ones", "--yes")
        ended = run(shop, "stability-ai/sdxl")
        assert name in ended["output"]
        assert ended["ran"]["weights"] == f"{name} ones"
    kept = add(shop, "stability-ai/sdxl", "--yes")
    assert f"Weights: {tmp_path / 'second'}, as before" in kept
    add(shop, "stability-ai/sdxl", "--weights", tmp_path / "second", "--own", "--yes")
    ended = run(shop, "stability-ai/sdxl")
    assert ended["ran"]["weights"] == "second"
    assert call(shop, "GET", "/v1/models/stability-ai/sdxl").json()["weights"] == {
        "name": "second",
        "own": True,
    }


@pytest.mark.timeout(300)
def test_a_download_survives_kill_9(shop: Server, hub: HubThread) -> None:
    hub.hold()
    begun = adding(shop, "acme/sketch")
    weights = shop.data / "weights"
    kill_in_the_middle(shop)
    _, said = begun.communicate(timeout=60)
    assert begun.returncode == 1
    assert "what was loaded is kept" in said or "broke off" in said
    hub.let_go()
    (part,) = weights.glob(".partial-*/large.bin.part")
    kept = part.stat().st_size
    assert 0 < kept < len(LARGE)

    shop.start()
    hub.double.asked.clear()
    add(shop, "acme/sketch")
    assert hub.double.asked == [("acme/brushes/large.bin", f"bytes={kept}-")]
    (whole,) = weights.glob("*/large.bin")
    assert whole.read_bytes() == LARGE
    ended = run(shop, "acme/sketch", prompt="a tree")
    assert ended["output"].startswith("a tree with oil, ")
    assert ended["ran"]["weights"] == f"acme/brushes@{COMMIT[:12]}"
    model = call(shop, "GET", "/v1/models/acme/sketch").json()
    assert model["weights"] == {"name": f"acme/brushes@{COMMIT[:12]}", "own": True}
    assert model["description"] == "Paints"
    example = model["default_example"]
    assert (example["status"], example["output"]) == ("succeeded", "a boat at sea with oil, OSError")
    assert example["input"]["prompt"] == "a boat"
    given = httpx.get(example["input"]["note"], trust_env=False)
    assert (given.text, given.headers["content-type"]) == (" at sea", "text/plain; charset=utf-8")
    assert "Its own." in call(shop, "GET", "/v1/models/acme/sketch/readme").text

    removed = shop.cli("catalog", "remove", "acme/sketch", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not whole.exists()
    assert call(shop, "GET", "/v1/models/acme/sketch").status_code == 404
    again = shop.cli("catalog", "remove", "acme/sketch", "--yes")
    assert again.returncode == 1
    assert "was not installed" in again.stderr
    assert "hf_secret" not in shop.log.read_text() + said


@pytest.mark.timeout(300)
def test_another_repository_of_the_hub_at_a_commit(shop: Server) -> None:
    place, called = f"hub://joan/brushes@{COMMIT}", f"joan/brushes@{COMMIT[:12]}"
    said = add(shop, "acme/sketch", "--weights", place)
    assert f"Weights: {place}, called {called}: not acme/sketch's own" in said
    assert "with your weights under the licence that you have them by" in said
    ended = run(shop, "acme/sketch")
    assert "with water" in ended["output"]
    assert ended["ran"]["weights"] == called
    assert f"called {called}" in add(shop, "acme/sketch"), "it stays with these"

    add(shop, "acme/sketch", "--weights", "hub://")
    assert "with oil" in run(shop, "acme/sketch")["output"]
    (old,) = shop.data.glob("weights/joan--brushes-*")
    shop.stop()
    shop.start()
    assert not old.exists(), "what nobody has any more goes when the server starts"
    assert not list(shop.data.glob("weights/.unused-*"))
    assert "with oil" in run(shop, "acme/sketch")["output"]

    add(shop, "acme/sketch", "--weights", "hub://joan/brushes@main", fails="is not pinned to a commit")
    add(
        shop,
        "stability-ai/sdxl",
        "--weights",
        "hub://",
        "--yes",
        fails="pins no weights of stability-ai/sdxl",
    )
    add(shop, "acme/sketch", "--weights", f"hub://nobody/brushes@{COMMIT}", fails="The hub has no")


@pytest.mark.timeout(300)
def test_a_model_s_own_weights_are_known_by_their_checksums(shop: Server, tmp_path: Path) -> None:
    for name, large in (("mine", LARGE), ("other", LARGE + b"!")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "brush.txt").write_text("wax")
        (tmp_path / name / "large.bin").write_bytes(large)
    add(shop, "acme/sketch", "--weights", tmp_path / "other")
    other = call(shop, "GET", "/v1/models/acme/sketch").json()["weights"]
    assert other == {"name": "other", "own": False}
    said = add(shop, "acme/sketch", "--weights", tmp_path / "mine")
    assert "Comparing checksums with those of acme/sketch's own weights" in said
    mine = call(shop, "GET", "/v1/models/acme/sketch").json()["weights"]
    assert mine == {"name": "acme/brushes", "own": True}
    (tmp_path / "mine" / "larger.bin").write_bytes(LARGE)
    add(shop, "acme/sketch", "--weights", tmp_path / "mine")
    more = call(shop, "GET", "/v1/models/acme/sketch").json()["weights"]
    assert more == {"name": "mine", "own": False}, "the model may load the other file"


@pytest.mark.timeout(300)
def test_the_hub_s_weights_in_place_of_those_of_the_packages(shop: Server) -> None:
    said = add(shop, "acme/pocket")
    assert "Weights: Small, from its packages: not acme/pocket's own" in said
    ended = run(shop, "acme/pocket")
    assert ended["output"] == "a cat with pencil, spoiled"
    assert ended["ran"]["weights"] == "Small"
    add(shop, "acme/pocket", "--weights", "hub://", fails="That is 60 MB to download.")
    said = add(shop, "acme/pocket", "--weights", "hub://", "--yes")
    assert "60 MB to download, 60 MB of disk; code Apache-2.0, weights openrail++ (from hub)" in said
    assert "with oil" in run(shop, "acme/pocket")["output"]
    model = call(shop, "GET", "/v1/models/acme/pocket").json()
    assert model["weights"] == {"name": f"acme/brushes@{COMMIT[:12]}", "own": True}


@pytest.mark.timeout(300)
def test_only_the_operator_installs_and_nothing_heavy_by_surprise(shop: Server) -> None:
    heavy = shop.cli("catalog", "add", "stability-ai/sdxl")
    assert heavy.returncode == 1
    assert "--yes" in heavy.stderr
    assert "openrail++" in heavy.stderr
    unknown = shop.cli("catalog", "add", "acme/nothing", "--yes")
    assert "has no acme/nothing" in unknown.stderr
    listed = shop.cli("catalog", "list", "--json")
    assert [entry["name"] for entry in json.loads(listed.stdout)] == ["pocket", "sketch", "sdxl"]
    no = shop.cli("catalog", "add", "stability-ai/sdxl", "--weights", "/nowhere", "--yes")
    assert "/nowhere is no directory" in no.stderr


@pytest.mark.timeout(300)
def test_an_operator_s_own_alias(shop: Server, client: replicate.Client, shapes: Path) -> None:
    add(shop, "stability-ai/sdxl", "--weights", shapes, "--yes")
    real = call(shop, "GET", "/v1/models/stability-ai/sdxl").json()["latest_version"]["id"]
    done = shop.cli("alias", "set", "prod-1", f"stability-ai/sdxl:{real}")
    assert done.returncode == 0, done.stderr
    assert "prod-1" in shop.cli("alias", "list").stdout
    assert run(shop, "prod-1", prompt="x")["version"] == "prod-1"
    assert client.run("stability-ai/sdxl:prod-1", input={"prompt": "x"}).startswith("x with shapes")
    pinned = client.deployments.create(
        name="pinned",
        model="stability-ai/sdxl",
        version=PUBLIC,
        hardware="cpu",
        min_instances=0,
        max_instances=1,
    )
    assert pinned.current_release is not None
    assert pinned.current_release.version == real

    taken = shop.cli("alias", "set", real, "stability-ai/sdxl")
    assert "is a version" in taken.stderr
    assert shop.cli("alias", "remove", "prod-1").returncode == 0
    gone = call(shop, "POST", "/v1/predictions", json={"version": "prod-1", "input": {}})
    assert gone.status_code == 422
