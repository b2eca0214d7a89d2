"""openai/whisper with the weights that it comes with, on a real clip: every input does something."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.models.serving import MODELS, data_uri

from .conftest import Raise
from .laid import Instance

pytestmark = [pytest.mark.models, pytest.mark.timeout(900)]

CLIP = (MODELS / "openai" / "whisper" / "speech.wav").read_bytes()
SAID = "The harvest was late this year, but the apples were sweet."


def clip(times: int = 1, loudness: float = 1.0) -> str:
    """The clip, so many times in a row; softer, most of it is lost in rounding."""
    with wave.open(io.BytesIO(CLIP)) as reader:
        shape, frames = reader.getparams(), reader.readframes(reader.getnframes())
    assert shape.sampwidth == 2
    samples = memoryview(frames).cast("h")
    soft = b"".join(int(sample * loudness).to_bytes(2, "little", signed=True) for sample in samples)
    sink = io.BytesIO()
    with wave.open(sink, "wb") as writer:
        writer.setparams(shape)
        writer.writeframes(soft * times)
    return data_uri(sink.getvalue(), "a.wav")


async def heard(model: Instance, audio: str = "", **given: Any) -> dict[str, Any]:
    told = await model.tell(audio=audio or clip(), **{"language": "en", **given})
    assert told.status == "succeeded", told.error
    return dict(told.output)


async def test_the_seeds_call_is_answered(laid: Raise) -> None:
    model = await laid("openai/whisper")
    assert "weights: base (not large-v3, which is openai/whisper's own)" in model.log.read_text()
    told = await model.tell(
        audio=clip(), model="large-v3", language="en", translate=False, transcription="plain text"
    )
    assert told.output["transcription"].strip() == SAID
    assert told.output["detected_language"] == "english"
    assert told.output["translation"] is None
    assert told.output.get("srt_file") is None
    assert "asked for large-v3; these weights are base" in told.logs
    assert "apples" in told.logs
    first = told.output["segments"][0]
    assert (first["id"], first["start"], first["temperature"]) == (0, 0.0, 0.0)
    assert 2.5 < told.output["segments"][-1]["end"] < 4
    assert first["tokens"]
    assert -1 < first["avg_logprob"] < 0
    assert "asked for" not in (await model.tell(audio=clip(), model="base")).logs
    refused = await model.tell(audio=clip(), language="klingon")
    assert "klingon" in str(refused.error)


async def test_every_input_counts(laid: Raise) -> None:
    model = await laid("openai/whisper")
    plain = await heard(model)
    segment = plain["segments"][0]

    srt = (await heard(model, transcription="srt"))["transcription"]
    assert srt.startswith("1\n00:00:00,000 --> 00:00:0")
    assert (await heard(model, transcription="vtt"))["transcription"].startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "apples were sweet" in (await heard(model, translate=True))["translation"]
    assert (await heard(model, language="auto"))["detected_language"] == "english"
    french = await heard(model, language="French")
    assert french["detected_language"] == "french"
    assert french["transcription"] != plain["transcription"]

    warm = await heard(model, temperature=0.9, temperature_increment_on_fallback=0.0)
    assert warm["segments"][0]["temperature"] == pytest.approx(0.9)
    word = segment["tokens"][len(segment["tokens"]) // 2]
    without = await heard(model, suppress_tokens=f"-1,{word}")
    assert word not in without["segments"][0]["tokens"]
    named = await heard(model, initial_prompt="APPLES. HARVEST.")
    assert named["segments"][0]["avg_logprob"] != segment["avg_logprob"]


async def test_what_counts_as_failed(laid: Raise) -> None:
    model = await laid("openai/whisper")
    for threshold in ({"compression_ratio_threshold": 0.01}, {"logprob_threshold": 5.0}):
        strict = {"no_speech_threshold": 1.0, **threshold}
        step = await heard(model, temperature_increment_on_fallback=0.5, **strict)
        assert step["segments"][0]["temperature"] > 0, threshold
        once = await heard(model, temperature_increment_on_fallback=0.0, **strict)
        assert once["segments"][0]["temperature"] == 0, threshold
    silent = {"logprob_threshold": 5.0, "temperature_increment_on_fallback": 0.0}
    assert (await heard(model, no_speech_threshold=-1.0, **silent))["segments"] == []
    assert (await heard(model, no_speech_threshold=1.0, **silent))["segments"] != []


async def test_windows_and_beams(laid: Raise) -> None:
    model = await laid("openai/whisper")
    at_once = {"temperature_increment_on_fallback": 0.0, "no_speech_threshold": 1.0}
    long = clip(10)
    remembering = await heard(model, long, **at_once)
    forgetting = await heard(model, long, condition_on_previous_text=False, **at_once)
    assert remembering["segments"][-1]["end"] > 30
    assert remembering["segments"][-1]["avg_logprob"] != forgetting["segments"][-1]["avg_logprob"]
    faint = clip(1, loudness=0.002)
    hasty, patient = [(await heard(model, faint, patience=each, **at_once))["segments"] for each in (0.2, 4.0)]
    assert hasty != patient


async def test_a_directory_must_be_whole(laid: Raise, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(AssertionError, match=r"lack model\.bin, tokenizer\.json\. Give them with: mainspring"):
        await laid("openai/whisper", MAINSPRING_WEIGHTS=str(tmp_path))
