"""One Cog model whose input `do` chooses what it does, for the tests that run the real coglet."""

from __future__ import annotations

import json
from pathlib import Path

SYNC = """
import os, sys, time
from pathlib import Path as P
from cog import BasePredictor, Input, Path

class Predictor(BasePredictor):
    def setup(self):
        print("loading weights")
        sys.stderr.write("to stderr\\n")
        if os.environ.get("BAD_SETUP"):
            time.sleep(float(os.environ["BAD_SETUP"]))
            raise RuntimeError("no weights")

    def predict(self, do: str = Input(default=""), arg: str = Input(default=None)) -> str:
        return getattr(self, do)(arg)

    def echo(self, arg): return "hello " + str(arg)
    def log(self, arg): print(arg); return "done"
    def partial(self, arg): sys.stdout.write(arg); return "done"
    def fail(self, arg): print("before"); raise ValueError(arg)
    def die(self, arg): os._exit(3)
    def metric(self, arg): self.record_metric("tokens", 7); return "done"
    def read(self, arg): return P(arg).read_text()
    def listing(self, arg): return ",".join(sorted(os.listdir(arg)))
    def write(self, arg): P(arg).write_text("x"); return P(arg).read_text()
    def env(self, arg): return "\\n".join(f"{k}={v}" for k, v in os.environ.items())
    def nap(self, arg):
        print("napping")
        for _ in range(3000): time.sleep(0.01)
    def spin(self, arg):
        end = time.monotonic() + float(arg)
        while time.monotonic() < end: pass
    def spawn(self, arg):
        import subprocess
        return str(subprocess.Popen(["sleep", "300"], start_new_session=arg == "detached").pid)
    def pid(self, arg): return str(os.getpid())
    def attempt(self, arg):
        try: return str(eval(arg))
        except Exception as error: return type(error).__name__
"""

STREAM = """
from cog import BasePredictor, ConcatenateIterator, current_scope

class Predictor(BasePredictor):
    def predict(self, arg: str) -> ConcatenateIterator[str]:
        for word in arg.split():
            yield word
            current_scope().record_metric("seen", word)
"""

ASYNC = """
import asyncio
import json
from cog import AsyncConcatenateIterator, BasePredictor, current_scope

class Predictor(BasePredictor):
    async def predict(self, arg: str) -> AsyncConcatenateIterator[str]:
        for index, word in enumerate(arg.split()):
            print("word", index, flush=True)
            if word == "raise": raise ValueError("you asked for it")
            current_scope().record_metric("mainspring_chunk", json.dumps([index, word]))
            yield word
            await asyncio.sleep(0.03)
"""

MISSING = """
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, arg: str) -> Path:
        return Path(arg)
"""


def schema(
    required: tuple[str, ...] = (), streaming: bool = True, output: dict[str, object] | None = None
) -> str:
    """The Cog schema of the models above."""
    properties = {
        name: {"title": name, "type": "string", "x-order": i} for i, name in enumerate(("do", "arg"))
    }
    request = {"title": "Input", "type": "object", "properties": properties, "required": list(required)}
    return json.dumps(
        {
            "openapi": "3.0.2",
            "info": {"title": "Cog", "version": "0.23.1"},
            "components": {
                "schemas": {"Input": request, "Output": output or {"type": "string", "title": "Output"}}
            },
            "paths": {"/predictions": {"post": {"x-cog-streaming": streaming}}},
        }
    )


def write_model(directory: Path, source: str = SYNC, schema_text: str | None = None) -> Path:
    """A source tree with predict.py and, unless schema_text is empty, .cog/openapi_schema.json."""
    (directory / ".cog").mkdir(parents=True)
    (directory / "predict.py").write_text(source)
    text = schema() if schema_text is None else schema_text
    if text:
        (directory / ".cog" / "openapi_schema.json").write_text(text)
    return directory
