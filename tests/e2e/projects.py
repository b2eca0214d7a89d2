"""Small Cog projects that tests push: name → predict.py. All of them need nothing but Cog."""

from __future__ import annotations

from pathlib import Path

HELLO = """
from cog import BaseRunner, Input

class Runner(BaseRunner):
    def run(self, text: str = Input(description="Who to greet")) -> str:
        return "hello " + text
"""

TOKENS = """
import time
from cog import BasePredictor, ConcatenateIterator, Input

class Predictor(BasePredictor):
    def predict(
        self,
        prompt: str = Input(description="Text to say again"),
        count: int = Input(default=5, ge=0, le=20000, description="How many tokens"),
        delay: float = Input(default=0.0, ge=0, description="Seconds between tokens"),
    ) -> ConcatenateIterator[str]:
        print("counting to", count)
        for number in range(count):
            time.sleep(delay)
            yield f"{prompt}{number} "
"""

ASYNC_TOKENS = """
import asyncio
from cog import AsyncConcatenateIterator, BasePredictor, Input, concurrent

class Predictor(BasePredictor):
    @concurrent(max=4)
    async def predict(self, prompt: str, count: int = 5, delay: float = 0.0) -> AsyncConcatenateIterator[str]:
        for number in range(count):
            await asyncio.sleep(delay)
            yield f"{prompt}{number} "
"""

INVERT = """
import struct
import zlib
from cog import BasePredictor, Input, Path

def png(pixels, width, height):
    rows = b"".join(b"\\0" + pixels[y * width * 3 : (y + 1) * width * 3] for y in range(height))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\\x89PNG\\r\\n\\x1a\\n" + body

class Predictor(BasePredictor):
    def predict(self, image: Path = Input(description="Any file"), size: int = 4) -> Path:
        shade = sum(image.read_bytes()) % 256
        with open("result.png", "wb") as out:
            out.write(png(bytes([shade] * size * size * 3), size, size))
        return Path("result.png")
"""

LISTEN = """
import wave
from typing import Any
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, audio: Path, language: str = "en") -> dict[str, Any]:
        with wave.open(str(audio)) as clip:
            seconds = clip.getnframes() / clip.getframerate()
        return {"seconds": seconds, "language": language, "name": audio.name}
"""

FRAMES = """
from typing import Iterator
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, count: int = 3) -> Iterator[Path]:
        for number in range(count):
            path = Path(f"frame-{number}.txt")
            path.write_text(f"frame {number}")
            yield path
"""

SLOW = """
import time
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, seconds: float = 1.0, name: str = "") -> str:
        print("began")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.01)
        return f"slept {name}"
"""

BROKEN = """
import os
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, how: str = "raise") -> str:
        print("about to", how)
        if how == "exit":
            os._exit(3)
        if how == "missing":
            from cog import Path
            return Path("nowhere.png")
        raise ValueError("you asked for it")
"""

SECRET = """
from cog import BasePredictor, Secret

class Predictor(BasePredictor):
    def predict(self, key: Secret) -> int:
        print("the key is", key.get_secret_value())
        return len(key.get_secret_value())
"""

NESTED = """
from typing import Any
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self) -> dict[str, Any]:
        for name in ("a.txt", "b.txt"):
            Path(name).write_text(name)
        return {"files": [Path("a.txt"), Path("b.txt")], "deep": {"again": Path("a.txt")}, "n": 1}
"""

PROJECTS = {
    "nested": NESTED,
    "hello": HELLO,
    "tokens": TOKENS,
    "async-tokens": ASYNC_TOKENS,
    "invert": INVERT,
    "listen": LISTEN,
    "frames": FRAMES,
    "slow": SLOW,
    "broken": BROKEN,
    "secret": SECRET,
}


def write_project(name: str, root: Path) -> Path:
    """The project's directory."""
    source = PROJECTS[name]
    directory = root / name
    directory.mkdir(parents=True)
    (directory / "predict.py").write_text(source)
    target = "Runner" if "class Runner" in source else "Predictor"
    (directory / "cog.yaml").write_text(f"predict: predict.py:{target}\n")
    return directory
