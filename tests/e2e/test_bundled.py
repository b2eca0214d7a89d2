"""Models that come with Mainspring, with their real weights, through the official client."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import replicate
from replicate.helpers import FileOutput

from tests.e2e.server import TOKEN, Server

MODELS = Path(__file__).parents[2] / "models" / "mainspring"


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> replicate.Client:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    return replicate.Client(api_token=TOKEN, base_url=server.tls_url)


def push(server: Server, name: str) -> str:
    server.push(MODELS / name, f"mainspring/{name}")
    return f"mainspring/{name}"


def example(name: str) -> dict[str, Any]:
    """The example's input, files opened."""
    values = json.loads((MODELS / name / "example.json").read_text())["input"]
    for key, value in values.items():
        if isinstance(value, str) and value.startswith("@"):
            values[key] = (MODELS / name / value[1:]).open("rb")
    return values


def test_hello_world(server: Server, client: replicate.Client) -> None:
    assert client.run(push(server, "hello-world"), input={"text": "Alice"}) == "hello Alice"


@pytest.mark.timeout(300)
def test_a_language_model_streams_and_obeys_its_inputs(server: Server, client: replicate.Client) -> None:
    model = push(server, "smollm2-135m-instruct")
    asked = {"prompt": "List three uses of copper.", "max_tokens": 40, "seed": 1, "temperature": 0.1}
    pieces = [str(e) for e in client.stream(model, input=asked) if e.event.value == "output"]
    assert len(pieces) > 5
    assert "copper" in "".join(pieces).lower()
    again = "".join(client.run(model, input=asked))
    assert again == "".join(pieces), "the seed decides"
    assert len("".join(client.run(model, input=asked | {"max_tokens": 5}))) < len(again)


@pytest.mark.timeout(300)
def test_an_image_comes_back_larger(server: Server, client: replicate.Client) -> None:
    output = client.run(push(server, "real-esrgan"), input=example("real-esrgan"))
    assert isinstance(output, FileOutput)
    larger = output.read()
    width, height = struct.unpack(">II", (MODELS / "real-esrgan" / "drawing.png").read_bytes()[16:24])
    wide, high = struct.unpack(">II", larger[16:24])
    assert (wide / width, high / height) in {(2, 2), (3, 3), (4, 4)}
