"""The models with real weights, each asked for something that only a working model can answer."""

from __future__ import annotations

import asyncio
import io
import time
import wave
from typing import Any

import pytest

from .pictures import pixels, png, size
from .serving import MODELS, Serve, Served, content, data_uri, example

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

COPPER = {"prompt": "List three uses of copper.", "temperature": 0.7}


async def chat(model: Served, **given: Any) -> str:
    return "".join(await model.output(**given))


async def test_smollm2_streams_and_obeys(serve: Serve) -> None:
    model = await serve("mainspring/smollm2-135m-instruct")

    chunks, times = [], []
    async for event, data in model.events(**COPPER, seed=7, max_tokens=60):
        if event == "output":
            chunks.append(data["chunk"])
            times.append(time.monotonic())
        if event == "completed":
            assert data["status"] == "succeeded"
            assert data["output"] == chunks
            assert data["metrics"]["output_token_count"] == 60
            whole = time.monotonic() - times[0]
    answer = "".join(chunks)
    assert len(chunks) > 40
    assert "copper" in answer.lower()
    assert times[len(times) // 2] - times[0] > whole / 4, "the chunks came all at once"

    assert await chat(model, **COPPER, seed=7, max_tokens=60) == answer
    assert await chat(model, **COPPER, seed=8, max_tokens=60) != answer

    word = answer.split()[5]
    stopped = await chat(model, **COPPER, seed=7, max_tokens=60, stop_sequences=f"@@@,{word}")
    assert stopped == answer[: answer.index(word)]

    short = await model.predict(**COPPER, max_tokens=3)
    assert short["metrics"]["output_token_count"] == 3

    pirate = await chat(
        model,
        prompt="Who are you?",
        system_prompt="You are a pirate. Answer as a pirate.",
        temperature=0,
        max_tokens=80,
    )
    assert any(word in pirate.lower() for word in ("aye", "arr", "matey", "pirate", "captain"))

    long = await model.predict(prompt="word " * 6000)
    assert long["status"] == "failed"
    assert "context size" in long["error"]


async def test_smollm2_stops_when_nobody_listens(serve: Serve) -> None:
    model = await serve("mainspring/smollm2-135m-instruct")
    async for event, _ in model.events(prompt="Tell me a very long story.", max_tokens=4000):
        if event == "output":
            break
    async with asyncio.timeout(20):
        assert await chat(model, prompt="Say hello.", max_tokens=5)


async def test_whisper_hears_the_clip(serve: Serve) -> None:
    model = await serve("mainspring/whisper-base")
    heard = await model.output(**example("mainspring/whisper-base"))
    assert heard["transcription"] == "The harvest was late this year, but the apples were sweet."
    assert heard["detected_language"] == "en"
    assert heard["translation"] is None
    first, last = heard["segments"][0], heard["segments"][-1]
    assert first["start"] == 0
    assert 2.5 < last["end"] < 4

    titled = await model.output(**example("mainspring/whisper-base"), transcription="srt", language="en", translate=True)
    assert titled["transcription"].startswith("1\n00:00:00,000 --> 00:00:0")
    assert "apples were sweet" in titled["translation"]

    wrong = await model.predict(**example("mainspring/whisper-base"), language="klingon")
    assert "language must be" in wrong["error"]


async def test_hibari_speaks_and_whisper_understands(serve: Serve) -> None:
    hibari = await serve("mainspring/hibari-tts")
    given = example("mainspring/hibari-tts")
    sound = content(await hibari.output(**given), "audio/wav")
    with wave.open(io.BytesIO(sound)) as recording:
        seconds = recording.getnframes() / recording.getframerate()
        assert recording.getframerate() == 24_000
        assert 2 < seconds < 6
    assert content(await hibari.output(**given), "audio/wav") == sound
    slow = content(await hibari.output(**given, speed=0.5), "audio/wav")
    assert len(slow) > 1.6 * len(sound)

    whisper = await serve("mainspring/whisper-base")
    heard = (await whisper.output(audio=data_uri(sound, "a.wav"), language="en"))["transcription"].lower()
    assert {"clock", "someone", "wind"} <= set(heard.replace(".", "").replace(",", "").split())


async def test_rapidocr_reads_the_notice(serve: Serve) -> None:
    model = await serve("mainspring/rapidocr")
    read = await model.output(**example("mainspring/rapidocr"))
    assert read["text"].splitlines() == [
        "MAINSPRING CLOCK REPAIR",
        "Open Tuesday to Saturday, 9:30 to 17:00",
        "Telephone 555 0142",
        "Please wind your watch before you ask.",
    ]
    assert [line["text"] for line in read["lines"]] == read["text"].splitlines()
    tops = [line["box"][0][1] for line in read["lines"]]
    assert tops == sorted(tops)
    assert await model.output(image=data_uri(png(96, 64, lambda x, y: b"\xff" * 3), "a.png")) == {
        "text": "",
        "lines": [],
    }


def ramp(x: int, y: int) -> bytes:
    return bytes((x * 255 // 279, y * 255 // 79, 128))


@pytest.mark.parametrize("network", ["realesr-animevideov3", "realesrgan-x4plus-anime"])
async def test_real_esrgan_enlarges_across_tiles(serve: Serve, network: str) -> None:
    model = await serve("mainspring/real-esrgan")
    image = data_uri(png(280, 80, ramp), "ramp.png")
    large = content(await model.output(image=image, model=network), "image/png")
    assert size(large) == (1120, 320)
    rows = pixels(large)
    off = [
        abs(rows[4 * y + 2][3 * (4 * x + 2) + channel] - ramp(x, y)[channel])
        for y in range(80)
        for x in range(280)
        for channel in range(3)
    ]
    assert sum(off) / len(off) < 8, "the colours are not those of the image"
    assert max(off) < 60


async def test_real_esrgan_scales_the_drawing(serve: Serve) -> None:
    model = await serve("mainspring/real-esrgan")
    given = example("mainspring/real-esrgan")
    width, height = size((MODELS / "mainspring/real-esrgan" / "drawing.png").read_bytes())
    drawn = await model.predict(**given)
    assert drawn["metrics"]["image_count"] == 1
    assert size(content(drawn["output"], "image/png")) == (4 * width, 4 * height)
    assert size(content(await model.output(**given, scale=2.5), "image/png")) == (
        width * 5 // 2,
        height * 5 // 2,
    )
