"""What was heard, as text or subtitles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

FORMS = ["plain text", "srt", "vtt"]


class Said(Protocol):
    """start, end: seconds."""

    start: float
    end: float
    text: str


def render(segments: Iterable[Said], form: str) -> str:
    """form: one of FORMS."""
    if form == "plain text":
        return "".join(segment.text for segment in segments)
    return "\n".join(_cues(segments, form))


def timestamp(seconds: float, fraction: str) -> str:
    """1.5 -> 00:00:01,500 (with "," for SubRip, with "." for WebVTT)."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{fraction}{milliseconds % 1000:03}"


def _cues(segments: Iterable[Said], form: str) -> Iterator[str]:
    if form == "vtt":
        yield "WEBVTT\n"
    fraction = "," if form == "srt" else "."
    for number, segment in enumerate(segments, start=1):
        span = f"{timestamp(segment.start, fraction)} --> {timestamp(segment.end, fraction)}"
        heading = f"{number}\n{span}" if form == "srt" else span
        yield f"{heading}\n{segment.text.strip()}\n"
