"""Hibari: English text to speech, small and fast, one voice."""

import os
import tempfile
from pathlib import Path as LocalPath
from typing import Optional

from cog import BaseRunner, Input, Path
from hibari import Hibari


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


class Runner(BaseRunner):
    def setup(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.voice = Hibari(voice="heart", threads=threads())
        self.voice("The first sentence takes ten times as long as the next.")

    def run(
        self,
        text: str = Input(description="English text to read aloud", min_length=1, max_length=5000),
        speed: float = Input(description="How fast to speak; 1 is the natural pace", default=1, ge=0.5, le=2),
        seed: Optional[int] = Input(description="The same seed and inputs give the same sound", default=None, ge=0),
    ) -> Path:
        output = LocalPath(self.folder.name, "speech.wav")
        self.voice.save(text, str(output), speed=speed, seed=seed)
        return Path(output)
