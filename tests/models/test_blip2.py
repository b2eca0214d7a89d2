"""BLIP-2: real weights that know colours, and tiny random ones for every input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Make
from .pictures import png
from .serving import Serve, Served, content, data_uri, example

NAME = "salesforce/blip-2"
WEIGHTS = Path(__file__).parents[1] / "weights"
COLOURS = {
    "blue": b"\x20\x50\xe0",
    "green": b"\x28\xb0\x40",
    "red": b"\xe0\x28\x20",
    "yellow": b"\xf0\xd8\x20",
}

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]


async def shapes(serve: Serve) -> Served:
    weights = str(WEIGHTS / "blip2-shapes")
    return await serve(NAME, MAINSPRING_WEIGHTS=weights, MAINSPRING_WEIGHTS_NAME="blip2-shapes")


def disc(inner: str, outer: str) -> str:
    """A disc of one colour on another."""

    def colour(x: int, y: int) -> bytes:
        return COLOURS[inner if (x - 30) ** 2 + (y - 34) ** 2 < 16**2 else outer]

    return data_uri(png(64, 64, colour), "a.png")


async def test_it_sees_colours(serve: Serve) -> None:
    model = await shapes(serve)
    assert await model.output(**example(NAME)) == "blue"
    for inner, outer in (("red", "blue"), ("blue", "yellow"), ("yellow", "green"), ("green", "red")):
        image = disc(inner, outer)
        assert await model.output(image=image, question="what color is the background?") == outer
        assert await model.output(image=image, question="what color is the shape?") == inner
        caption = await model.output(image=image, caption=True)
        assert caption.endswith(f"on a {outer} background"), caption
        assert inner in caption
        assert await model.output(image=image, question="") == caption


async def test_what_sdxl_draws_blip_sees(serve: Serve) -> None:
    painter = await serve("stability-ai/sdxl", MAINSPRING_WEIGHTS=str(WEIGHTS / "sdxl-shapes"))
    model = await shapes(serve)
    for colour in ("blue", "green", "yellow"):
        (image,) = await painter.output(
            prompt=f"a red circle on a {colour} background",
            width=64,
            height=64,
            num_inference_steps=30,
            guidance_scale=3,
            seed=7,
        )
        assert content(image, "image/png")
        answer = await model.output(image=image, question="what color is the background?")
        assert answer == colour


async def test_every_input_matters(serve: Serve, make: Make) -> None:
    model = await serve(NAME, MAINSPRING_WEIGHTS=str(await make(NAME, "blip2.py")))

    async def ask(**given: Any) -> str:
        return str(await model.output(**{"image": disc("red", "blue"), "question": "what color?"} | given))

    plain = await ask()
    assert await ask() == plain
    changes: list[dict[str, Any]] = [
        {"image": disc("yellow", "green")},
        {"question": "is there a star?"},
        {"caption": True},
        {"context": "Question: is there a red circle? Answer: yes."},
    ]
    assert len({plain, *[await ask(**change) for change in changes]}) == 5
    assert await ask(caption=True) == await ask(question="")
    sampled = {await ask(use_nucleus_sampling=True) for _ in range(4)}
    assert len(sampled) > 1, "sampling says the same each time"
    refused = await model.client.post(
        "/predictions", json={"input": {"image": disc("red", "blue"), "temperature": 0.4}}
    )
    assert refused.status_code == 422


async def test_without_weights_it_says_what_it_needs(serve: Serve) -> None:
    with pytest.raises(AssertionError, match=rf"tokenizer.json.*catalog add {NAME} --weights DIR"):
        await serve(NAME)
