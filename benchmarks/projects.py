"""The Cog projects that are measured: nothing in them takes time."""

from __future__ import annotations

from pathlib import Path

_HELLO = """
from cog import BaseRunner, Input

class Runner(BaseRunner):
    def run(self, text: str = Input(description="Who to greet")) -> str:
        return "hello " + text
"""

_SLOTS = """
from cog import BasePredictor

class Predictor(BasePredictor):
    async def predict(self, text: str) -> str:
        return "hello " + text
"""

_TOKENS = """
from cog import BasePredictor, ConcatenateIterator

class Predictor(BasePredictor):
    def predict(self, count: int = 1) -> ConcatenateIterator[str]:
        for number in range(count):
            yield f"token{number} "
"""

SLOTS = 16
_SOURCES = {
    "hello": (_HELLO, "predict: predict.py:Runner\n"),
    "slots": (_SLOTS, f"predict: predict.py:Predictor\nconcurrency:\n  max: {SLOTS}\n"),
    "tokens": (_TOKENS, "predict: predict.py:Predictor\n"),
}


def write_project(name: str, root: Path) -> Path:
    """The project's directory. `hello-3` is `hello` with another digest."""
    source, config = _SOURCES[name.partition("-")[0]]
    directory = root / name
    directory.mkdir(parents=True)
    (directory / "predict.py").write_text(f"# {name}\n{source}")
    (directory / "cog.yaml").write_text(config)
    return directory
