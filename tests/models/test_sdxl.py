"""SDXL: real weights that draw coloured shapes, and tiny random ones for every input."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from mainspring.bundle import Environments, read_config

from .conftest import Make
from .pictures import mean, png, size
from .serving import MODELS, Serve, Served, content, data_uri

NAME = "stability-ai/sdxl"
SHAPES = Path(__file__).parents[1] / "weights" / "sdxl-shapes"
MIDDLE = (0.35, 0.35, 0.65, 0.65)
SMALL = {"width": 64, "height": 64, "num_inference_steps": 4, "seed": 7, "prompt": "a red circle"}

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]


async def shapes(serve: Serve) -> Served:
    return await serve(NAME, MAINSPRING_WEIGHTS=str(SHAPES), MAINSPRING_WEIGHTS_NAME="sdxl-shapes")


async def draw(model: Served, **given: Any) -> bytes:
    (image,) = await model.output(**SMALL | given)
    return content(image, "image/png")


def halves(left: bytes, right: bytes) -> str:
    return data_uri(png(64, 64, lambda x, _: left if x < 32 else right), "a.png")


async def test_a_prompt_says_the_colours(serve: Serve) -> None:
    model = await shapes(serve)
    given = {
        **SMALL,
        "num_inference_steps": 30,
        "scheduler": "K_EULER",
        "guidance_scale": 3,
        "num_outputs": 4,
    }
    drawn = await model.predict(**given | {"prompt": "a red circle on a blue background"})
    assert drawn["status"] == "succeeded", drawn
    assert "100%" in drawn["logs"]
    assert "Using seed: 7" in drawn["logs"]
    assert drawn["metrics"]["total_inference_steps"] == 30
    assert drawn["metrics"]["image_count"] == 4
    images = [content(each, "image/png") for each in drawn["output"]]
    assert [size(each) for each in images] == [(64, 64)] * 4
    assert len(set(images)) == 4
    for image in images:
        red, green, blue = mean(image, (0, 0, 1, 0.1))
        assert blue > red + 60
        assert blue > green + 40, "the background is not blue"
    red, green, blue = (
        sum(each) / 4 for each in zip(*(mean(image, MIDDLE) for image in images), strict=True)
    )
    assert red > blue + 60
    assert red > green + 60, "the object is not red"

    other = await draw(model, **given | {"prompt": "a blue square on a green background", "num_outputs": 1})
    red, green, blue = mean(other, (0, 0, 1, 0.1))
    assert green > red + 40
    assert green > blue + 40, "the background is not green"
    again = await model.predict(**given | {"prompt": "a red circle on a blue background"})
    assert again["output"] == drawn["output"]


async def test_an_image_is_drawn_over(serve: Serve) -> None:
    model = await shapes(serve)
    given = {"num_inference_steps": 20, "guidance_scale": 3, "prompt": "a red circle on a blue background"}
    green = halves(b"\x20\xc0\x40", b"\x20\xc0\x40")
    slight = await draw(model, **given, image=green, prompt_strength=0.1)
    strong = await draw(model, **given, image=green, prompt_strength=1.0)
    assert mean(slight)[1] > mean(slight)[2] + 40, "little of the image should be destroyed"
    assert mean(strong)[2] > mean(strong)[1] + 40, "all of the image should be destroyed"

    right = halves(b"\0\0\0", b"\xff\xff\xff")
    inside = await draw(model, **given, image=green, mask=right, prompt_strength=1.0)
    kept, painted = mean(inside, (0, 0, 0.4, 1)), mean(inside, (0.6, 0, 1, 1))
    assert kept[1] > kept[2] + 60, "black areas of the mask must be preserved"
    assert painted[1] < kept[1] - 40, "white areas of the mask must be painted"


async def test_every_input_matters(serve: Serve, make: Make) -> None:
    folder = await make(NAME, "sdxl.py", "1")
    model = await serve(NAME, MAINSPRING_WEIGHTS=str(folder / "weights"))
    plain = await draw(model)
    assert await draw(model) == plain
    changes: list[dict[str, Any]] = [
        {"prompt": "a blue square"},
        {"negative_prompt": "circle"},
        {"seed": 8},
        {"num_inference_steps": 5},
        {"guidance_scale": 2},
        {"refine": "expert_ensemble_refiner"},
        {"refine": "expert_ensemble_refiner", "high_noise_frac": 0.5},
        {"refine": "base_image_refiner"},
        {"refine": "base_image_refiner", "refine_steps": 8},
        *({"scheduler": name} for name in ("DDIM", "DPMSolverMultistep", "HeunDiscrete", "KarrasDPM")),
        *({"scheduler": name} for name in ("K_EULER_ANCESTRAL", "PNDM")),
        {"replicate_weights": "rough"},
        {"replicate_weights": "rough", "lora_scale": 1},
    ]
    drawn = [await draw(model, **change) for change in changes]
    assert len({plain, *drawn}) == len(changes) + 1, "two inputs led to the same picture"
    assert await draw(model, scheduler="K_EULER") == plain, "something of the predictions before was left"
    assert await draw(model, replicate_weights="rough", lora_scale=0) == plain
    assert await draw(model, refine="expert_ensemble_refiner", high_noise_frac=1) == plain
    assert size(await draw(model, width=128, height=96)) == (128, 96)
    steps = await model.predict(**SMALL, refine="base_image_refiner", refine_steps=10)
    assert steps["metrics"]["total_inference_steps"] == 4 + 3


async def test_a_packed_lora_brings_its_own_words(serve: Serve, make: Make) -> None:
    folder = await make(NAME, "sdxl.py", "1")
    model = await serve(NAME, MAINSPRING_WEIGHTS=str(folder / "weights"))
    plain = await draw(model, prompt="a TOK circle")
    packed = data_uri((folder / "trained.tar").read_bytes(), "trained.tar")
    worn = await model.predict(**SMALL | {"prompt": "a TOK circle"}, replicate_weights=packed, lora_scale=1)
    assert "Prompt: a <s0><s1> circle" in worn["logs"]
    assert content(worn["output"][0], "image/png") != plain
    unscaled = await draw(model, prompt="a TOK circle", replicate_weights=packed, lora_scale=0)
    assert unscaled not in (plain, content(worn["output"][0], "image/png")), "the new tokens mean nothing"
    wrong = await model.predict(**SMALL, replicate_weights="another")
    assert "loras/ of the weights (there: rough)" in wrong["error"]


async def test_unsafe_images_are_held_back(serve: Serve, make: Make) -> None:
    folder = await make(NAME, "sdxl.py", "-1")
    model = await serve(NAME, MAINSPRING_WEIGHTS=str(folder / "weights"))
    refused = await model.predict(**SMALL, num_outputs=2)
    assert refused["status"] == "failed"
    assert "NSFW content detected" in refused["error"]
    assert len(await model.output(**SMALL, num_outputs=2, disable_safety_checker=True)) == 2


READ_WATERMARK = """
import sys, cv2
from diffusers.pipelines.stable_diffusion_xl.watermark import WATERMARK_BITS
from imwatermark import WatermarkDecoder
bits = WatermarkDecoder("bits", len(WATERMARK_BITS)).decode(cv2.imread(sys.argv[1]), "dwtDct")
print(sum(bool(a) == bool(b) for a, b in zip(bits, WATERMARK_BITS)) / len(WATERMARK_BITS))
"""


async def test_the_watermark_can_be_read(
    serve: Serve, make: Make, environments: Environments, tmp_path: Path
) -> None:
    folder = await make(NAME, "sdxl.py", "1")
    model = await serve(NAME, MAINSPRING_WEIGHTS=str(folder / "weights"))
    config = read_config(MODELS / NAME)
    python = (await environments.ensure(config, MODELS / NAME, print)).python
    agree = {}
    for marked in (True, False):
        image = await draw(model, width=512, height=512, apply_watermark=marked)
        (tmp_path / "out.png").write_bytes(image)
        command = [str(python), "-c", READ_WATERMARK, str(tmp_path / "out.png")]
        agree[marked] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert agree[True] > 0.9
    assert agree[False] < 0.8


async def test_the_refiner_is_asked_for_by_name(serve: Serve) -> None:
    model = await shapes(serve)
    wrong = await model.predict(**SMALL, refine="base_image_refiner")
    assert "put it into refiner/" in wrong["error"]


async def test_without_weights_it_says_what_it_needs(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=rf"model_index.json.*catalog add {NAME} --weights DIR"):
        await serve(NAME)
