"""min(DALL·E) with tiny random weights: what it streams, and every input."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from .conftest import Make
from .pictures import size
from .serving import Serve, content

NAME = "kuprel/min-dalle"
SMALL = {"text": "a red fox", "grid_size": 1, "seed": 7, "save_as_png": True, "progressive_outputs": False}

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]


async def test_it_shows_how_the_images_come_about(serve: Serve, make: Make) -> None:
    model = await serve(NAME, MAINSPRING_WEIGHTS=str(await make(NAME, "dalle.py")))
    chunks, times = [], []
    async for event, data in model.events(**SMALL | {"progressive_outputs": True}):
        if event == "output":
            chunks.append(data["chunk"])
            times.append(time.monotonic())
        if event == "completed":
            assert data["status"] == "succeeded", data
            assert data["metrics"]["image_count"] == SMALL["grid_size"] ** 2
    assert len(chunks) == 8
    assert len(set(chunks)) == 8
    assert times[4] - times[0] > 0.1, "the images came all at once"
    for chunk in chunks[:-1]:
        head, _, body = chunk.partition(",")
        assert head == "data:image/jpeg;base64"
        assert base64.b64decode(body).startswith(b"\xff\xd8\xff")
    assert size(content(chunks[-1], "image/png")) == (256, 256)


async def test_every_input_matters(serve: Serve, make: Make) -> None:
    model = await serve(NAME, MAINSPRING_WEIGHTS=str(await make(NAME, "dalle.py")))

    async def draw(**given: Any) -> str:
        (image,) = await model.output(**SMALL | given)
        return str(image)

    plain = await draw()
    assert await draw() == plain
    changes: list[dict[str, Any]] = [
        {"text": "a blue whale"},
        {"seed": 8},
        {"seed": 0},
        {"temperature": 0.1},
        {"top_k": 2},
        {"supercondition_factor": 64},
        {"grid_size": 2},
        {"grid_size": 2, "seamless": True},
        {"save_as_png": False},
    ]
    drawn = [await draw(**change) for change in changes]
    assert len({plain, *drawn}) == len(changes) + 1
    assert size(content(drawn[6], "image/png")) == (512, 512)
    assert drawn[-1].startswith("data:image/jpeg;base64,")


async def test_without_weights_it_says_what_it_needs(serve: Serve) -> None:
    with pytest.raises(AssertionError, match=rf"decoder.pt.*catalog add {NAME} --weights DIR"):
        await serve(NAME)
