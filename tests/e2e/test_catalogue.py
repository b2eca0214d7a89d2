"""The catalogue on a real server: small models that read weights, a hub on this machine, and Replicate's client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import replicate

from tests.e2e.server import MAINSPRING, TOKEN, Server
from tests.services.hub_double import HubDouble, running
from tests.services.store_double import StoreDouble, running_store

PUBLIC = "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
MISPRINTED = "39ed52f2a78e934b83b6ae2a89f5b1c712de7dfea535525255b1aa35c5565e0"
COMMIT = "c" * 40
LARGE = b"large weights " * 40_000

PAINTER = """
import os
import time
from pathlib import Path
from typing import Optional
from cog import BasePredictor, Input, Path as File

class Predictor(BasePredictor):
    def setup(self):
        given = os.environ.get("MAINSPRING_WEIGHTS")
        if not given:
            raise FileNotFoundError("brush.txt is missing: mainspring catalog add stability-ai/sdxl --weights DIR")
        self.directory = Path(given)
        self.brush = (self.directory / "brush.txt").read_text()
        if name := os.environ.get("MAINSPRING_WEIGHTS_NAME"):
            print(f"weights: {name} (not stability-ai/sdxl's own)")

    def predict(self, prompt: str = "a cat", note: Optional[File] = Input(default=None)) -> str:
        if note:
            prompt += note.read_text()
        if prompt == "slowly":
            time.sleep(60)
        try:
            (self.directory / "brush.txt").write_text("spoiled")
        except OSError as error:
            return f"{prompt} with {self.brush}, {type(error).__name__}"
        return "spoiled"
"""
TOML = """
description = "Paints"
hardware = "{hardware}"
memory = 70000000
download = {download}
disk = 1000
license = "Apache-2.0"
weights_license = "openrail++"
versions = {versions}
{package}
[weights]
files = ["brush.txt"]
"""
HUB = f"""
hub = "acme/brushes"
revision = "{COMMIT}"
fetch = ["brush.txt", "large.bin"]
"""


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


def write_catalogue(root: Path) -> Path:
    """sdxl, which needs a directory and a GPU; acme/sketch, over the same package, with weights on the hub."""
    package = root / "packages" / "painter"
    package.mkdir(parents=True)
    (package / "cog.yaml").write_text("predict: predict.py:Predictor\n")
    (package / "predict.py").write_text(PAINTER)
    (package / "README.md").write_text("# painter\n\nThe package's.\n")
    (package / "example.json").write_text('{"input": {"prompt": "a boat", "note": "@note.txt"}}')
    (package / "note.txt").write_text(" at sea")
    for model, facts in {
        "stability-ai/sdxl": {
            "download": 60_000_000,
            "versions": json.dumps([PUBLIC, MISPRINTED]),
            "hardware": "gpu-l40s",
        },
        "acme/sketch": {"download": 1000, "versions": "[]", "hardware": "cpu"},
    }.items():
        folder = root / model
        folder.mkdir(parents=True)
        tail = HUB if model == "acme/sketch" else ""
        (folder / "catalog.toml").write_text(TOML.format(**facts, package='package = "painter"') + tail)
        (folder / "README.md").write_text(f"# {model}\n\nIts own.\n")
    return root


@pytest.fixture(scope="module")
def hub() -> Iterator[HubThread]:
    files = {"acme/brushes/brush.txt": b"oil", "acme/brushes/large.bin": LARGE}
    with HubThread(HubDouble(files, COMMIT)) as running_hub:
        yield running_hub


@pytest.fixture(scope="module")
def s3() -> Iterator[StoreDouble]:
    with running_store() as store:
        store.put("team/brushes", {"brush.txt": b"chalk", "large.bin": LARGE * 8})
        yield store


@pytest.fixture(scope="module")
def shop(hub: HubThread, s3: StoreDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("shop")
    catalogue = write_catalogue(root / "catalogue")
    server = Server(root / "data", catalogue=catalogue, hub=hub.double.url, hub_token="hf_secret")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in s3.environ.items():
            patched.setenv(name, value)
        yield server.start()
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


def call(server: Server, method: str, path: str, token: str = TOKEN, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(method, server.url + path, headers=headers, timeout=30, trust_env=False, **options)


def add(server: Server, *arguments: str | Path, fails: str | None = None) -> str:
    """`mainspring catalog add`; what it said on stderr. fails: what that says of its failure."""
    done = server.cli("catalog", "add", *arguments)
    assert done.returncode == (1 if fails else 0), done.stderr + server.log.read_text()[-3000:]
    assert not fails or fails in done.stderr
    return done.stderr


def run(server: Server, version: str, **given: Any) -> dict[str, Any]:
    made = call(
        server,
        "POST",
        "/v1/predictions",
        json={"version": version, "input": given},
    )
    assert made.status_code == 201, made.text
    path = f"/v1/predictions/{made.json()['id']}"
    until = time.monotonic() + 60
    while (found := call(server, "GET", path).json())["status"] in ("starting", "processing"):
        assert time.monotonic() < until
        time.sleep(0.02)
    return {**found, "made": made.json()}


def kill_in_the_middle(shop: Server) -> None:
    """kill -9, once a part of the large file is there."""
    until = time.monotonic() + 60
    while not any(part.stat().st_size for part in shop.data.glob("weights/.partial-*/large.bin.part")):
        assert time.monotonic() < until, shop.log.read_text()[-3000:]
        time.sleep(0.01)
    shop.kill()


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


def adding(shop: Server, *arguments: str) -> subprocess.Popen[str]:
    """`mainspring catalog add` that is under way."""
    return subprocess.Popen(
        [*MAINSPRING, "catalog", "add", *arguments],
        env=shop.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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


@pytest.mark.timeout(300)
def test_only_the_operator_installs_and_nothing_heavy_by_surprise(shop: Server) -> None:
    heavy = shop.cli("catalog", "add", "stability-ai/sdxl")
    assert heavy.returncode == 1
    assert "--yes" in heavy.stderr
    assert "openrail++" in heavy.stderr
    unknown = shop.cli("catalog", "add", "acme/nothing", "--yes")
    assert "has no acme/nothing" in unknown.stderr
    listed = shop.cli("catalog", "list", "--json")
    assert [entry["name"] for entry in json.loads(listed.stdout)] == ["sketch", "sdxl"]
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
