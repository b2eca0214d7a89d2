"""The engine for GGUF weights: llama.cpp, which writes several answers together in slots of its own."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import xllamacpp

from chat.config import Config
from chat.engine import Piece, Sampling
from chat.prompts import Prompt

_SLOTS = 4


def threads() -> int:
    """One fewer than the cores: a thread that loses its core holds up all. Past four, a small model gains nothing."""
    return int(os.environ.get("OMP_NUM_THREADS") or min(4, max(1, len(os.sched_getaffinity(0)) - 1)))


class LlamaCpp:
    """weights: a .gguf file. Each of its slots has the whole context."""

    name = "llama.cpp"

    def __init__(self, weights: Path, config: Config) -> None:
        self._private = tempfile.TemporaryDirectory(prefix="chat-")
        slots = min(_SLOTS, config.requests)
        params = xllamacpp.CommonParams()
        params.model.path = str(weights)
        params.n_parallel = slots
        params.n_ctx = config.context * slots
        params.n_gpu_layers = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
        params.cpuparams.poll = params.cpuparams_batch.poll = 0
        params.cache_ram_mib = 0
        params.verbosity = 0
        params.ui = False
        # The engine always listens somewhere: let it be a private socket with a key nobody knows, not a port.
        params.hostnames = [os.path.join(self._private.name, "engine.sock")]
        params.api_keys = [secrets.token_hex(16)]
        self._server: Any = xllamacpp.Server(params)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """See Engine."""
        least = min(sampling.min_tokens, sampling.max_tokens)
        written, text = 0, ""
        if least:
            # The engine knows no least number of tokens: write so many with the end forbidden, then go on from there.
            async for piece in self._pieces(prompt, sampling, least, "", forbid_end=True):
                written, text = piece.written, text + piece.text
                yield piece
        if written < sampling.max_tokens:
            async for piece in self._pieces(prompt, sampling, sampling.max_tokens - written, text):
                yield Piece(piece.text, written + piece.written, piece.read - written)

    def close(self) -> None:
        """See Engine."""
        del self._server
        self._private.cleanup()

    async def _pieces(
        self, prompt: Prompt, sampling: Sampling, most: int, begun: str, *, forbid_end: bool = False
    ) -> AsyncGenerator[Piece, None]:
        request = _options(sampling, most) | {"ignore_eos": forbid_end}
        if prompt.text is not None:
            call, request["prompt"] = self._server.handle_completions, prompt.text + begun
        else:
            asked = [*prompt.messages(), *([{"role": "assistant", "content": begun}] if begun else [])]
            call, request["messages"] = self._server.handle_chat_completions, asked
        async with _Chunks(call, request) as chunks:
            async for chunk in chunks.each():
                if timings := chunk.get("timings"):
                    yield Piece(
                        _text(chunk), timings["predicted_n"], timings["prompt_n"] + timings["cache_n"]
                    )


def _options(sampling: Sampling, most: int) -> dict[str, Any]:
    return {
        "max_tokens": most,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": 0,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed % (1 << 32),
        "stream": True,
        "timings_per_token": True,
        # A warm cache changes the order of the sums, and with it, rarely, a token.
        "cache_prompt": False,
    }


def _text(chunk: dict[str, Any]) -> str:
    choices = chunk.get("choices") or [{}]
    return choices[0].get("text") or (choices[0].get("delta") or {}).get("content") or ""


class _Chunks:
    """What the engine calls back with in a thread of its own, as the loop reads it."""

    def __init__(self, call: Any, request: dict[str, Any]) -> None:
        self._call, self._request = call, request
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[dict[str, Any] | Exception | None] = asyncio.Queue()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._generate, daemon=True)

    async def __aenter__(self) -> _Chunks:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving.set()

    async def each(self) -> AsyncGenerator[dict[str, Any], None]:
        while (chunk := await self._arrived.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            if "error" in chunk:
                raise ValueError(chunk["error"]["message"])
            yield chunk

    def _generate(self) -> None:
        try:
            self._call(self._request, self._take)
        except Exception as error:
            self._put(error)
        finally:
            self._put(None)

    def _take(self, chunk: dict[str, Any]) -> bool:
        self._put(chunk)
        return self._leaving.is_set()

    def _put(self, item: dict[str, Any] | Exception | None) -> None:
        self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
