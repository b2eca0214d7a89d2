"""The first hour with the models that need torch, diffusers or faster-whisper: `make test-models` runs it.

SDXL, BLIP-2 and Llama have small real weights, Whisper those that its packages bring.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.examples import EXAMPLES, MODELS, WEIGHTS, Kept, add, program, several
from tests.e2e.server import Server
from tests.e2e.test_crash import call
from tests.models.pictures import mean, png, size

CHAT = "meta/meta-llama-3-8b-instruct"

pytestmark = [pytest.mark.models, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("heavy") / "data"
    running, kept = Server(data, setup_timeout_s=900).start(), Kept()
    kept.lend(running)
    yield running
    kept.take(running)
    running.stop()


@pytest.fixture(scope="module")
def sdxl(server: Server) -> Server:
    add(server, "stability-ai/sdxl", "--weights", f"file://{WEIGHTS}/sdxl-shapes")
    return server


@pytest.fixture(scope="module")
def blip(server: Server) -> Server:
    add(server, "salesforce/blip-2", "--weights", WEIGHTS / "blip2-shapes")
    return server


def newest_ran(server: Server) -> str | None:
    """Whose weights the newest prediction had."""
    found: str | None = call(server, "GET", "/v1/predictions")["results"][0]["ran"].get("weights")
    return found


def test_sdxl_draws_what_is_asked_for(sdxl: Server, tmp_path: Path) -> None:
    file = tmp_path / "out.png"
    (url,) = program(sdxl, "draw.py", "a red circle on a blue background", file, 64)
    assert url.endswith(".png")
    image = file.read_bytes()
    assert size(image) == (64, 64)
    red, green, blue = mean(image, (0, 0, 1, 0.1))
    assert blue > red + 60
    assert blue > green + 40
    assert newest_ran(sdxl) == "sdxl-shapes"


def test_blip_is_asked_about_a_photo(blip: Server, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(
        png(64, 64, lambda x, y: b"\xe0\x28\x20" if (x - 30) ** 2 + (y - 34) ** 2 < 256 else b"\x20\x50\xe0")
    )
    assert program(blip, "look.py", photo, "what color is the background?") == ["blue"]
    assert program(blip, "look.py", photo, "what color is the shape?") == ["red"]
    assert newest_ran(blip) == "blip2-shapes"


@pytest.mark.parametrize("colour", ["blue", "green", "yellow"])
def test_blip_sees_what_sdxl_draws(sdxl: Server, blip: Server, tmp_path: Path, colour: str) -> None:
    file = tmp_path / "out.png"
    program(sdxl, "draw.py", f"a red circle on a {colour} background", file, 64)
    assert program(blip, "look.py", file, "what color is the background?") == [colour]


def test_whisper_writes_down_what_is_said(server: Server) -> None:
    add(server, "openai/whisper", "--example")
    (said,) = program(server, "transcribe.py", MODELS / "openai" / "whisper" / "speech.wav")
    assert said.strip() == "The harvest was late this year, but the apples were sweet."
    assert newest_ran(server) == "Whisper base", "large-v3 was asked for, and nobody may take this for it"
    model = call(server, "GET", "/v1/models/openai/whisper")
    assert model["weights"] == {"name": "Whisper base", "own": False}
    assert model["default_example"]["output"]["transcription"] == said


def test_a_chat_model_under_transformers_answers_streams_and_takes_several(server: Server) -> None:
    add(server, CHAT, "--weights", WEIGHTS / "llama-austen")
    said = program(server, "chat.py")
    assert len("".join(said)) > 40
    assert program(server, "stream.py") == said, "the seed decides"
    assert program(server, "several.py") == several(server)
    assert newest_ran(server) == "llama-austen"


def test_a_model_of_ones_own_with_transformers_and_torch(server: Server, tmp_path: Path) -> None:
    project = tmp_path / "writer"
    shutil.copytree(EXAMPLES / "writer", project, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(WEIGHTS / "llama-austen", project / "weights")
    server.push(project, "mainspring/writer")
    said = program(server, "write.py", "mainspring/writer", "It was a")
    text = "\n".join(said)
    assert text.startswith("It was a")
    assert len(text) > 40
    assert program(server, "write.py", "mainspring/writer", "It was a") == said, "the seed decides"
