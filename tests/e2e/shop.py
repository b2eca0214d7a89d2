"""A server with a small catalogue whose models read weights, and its operator."""

from __future__ import annotations

import json
import subprocess
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.server import MAINSPRING, TOKEN, Server

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
        packaged = Path(__file__).parent / "packaged"
        given = os.environ.get("MAINSPRING_WEIGHTS") or (packaged if packaged.exists() else None)
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
        return f"{prompt} with {self.brush}, spoiled"
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
package = "painter"
"""
WEIGHTS = """
[weights]
files = ["brush.txt"]
"""
ON_HUB = f"""
[weights]
files = ["brush.txt", "*.bin"]
hub = "acme/brushes"
revision = "{COMMIT}"
fetch = ["brush.txt", "large.bin"]
sha256 = {{"large.bin" = "{sha256(LARGE).hexdigest()}"}}
"""


PACKAGED = f"""packaged_weights = "Small"
{ON_HUB}
download = 60000000
"""


def write_catalogue(root: Path) -> Path:
    """sdxl, which needs a directory and a GPU; over the same package acme/sketch, with weights on the hub, and
    acme/pocket, which has some and could have those of the hub."""
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
        "acme/pocket": {"download": 1000, "versions": "[]", "hardware": "cpu"},
        "acme/sketch": {"download": 1000, "versions": "[]", "hardware": "cpu"},
    }.items():
        folder = root / model
        folder.mkdir(parents=True)
        tail = {"acme/sketch": ON_HUB, "acme/pocket": PACKAGED}.get(model, WEIGHTS)
        (folder / "catalog.toml").write_text(TOML.format(**facts) + tail)
        (folder / "README.md").write_text(f"# {model}\n\nIts own.\n")
    (root / "acme" / "pocket" / "packaged").mkdir()
    (root / "acme" / "pocket" / "packaged" / "brush.txt").write_text("pencil")
    return root


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


def kill_in_the_middle(shop: Server) -> None:
    """kill -9, once a part of the large file is there."""
    until = time.monotonic() + 60
    while not any(part.stat().st_size for part in shop.data.glob("weights/.partial-*/large.bin.part")):
        assert time.monotonic() < until, shop.log.read_text()[-3000:]
        time.sleep(0.01)
    shop.kill()
