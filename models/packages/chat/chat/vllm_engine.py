"""vLLM, which batches all that is asked of it by itself: the engine for GPUs, and for CPUs where its build for them is."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from chat.config import Config
from chat.engine import Piece, Sampling, room
from chat.prompts import Prompt
from chat.tokens import encode

MOST_OF_A_GPU = 0.9
HIGHEST = 2.0
ON_CPU = {"tensor_parallel_size": 1, "worker_extension_cls": "chat.tiles.Tiles"}


class Vllm:
    """engine: a vllm.AsyncLLMEngine."""

    name = "vllm"

    def __init__(self, engine: Any, tokenizer: Any, context: int) -> None:
        self._engine, self._tokenizer, self._context = engine, tokenizer, context

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """See Engine. vLLM ends a request when the generator that it gave is closed."""
        ids = encode(self._tokenizer, prompt)
        parameters = sampling_parameters(sampling, room(len(ids), self._context, sampling))
        written = 0
        asked = self._engine.generate({"prompt_token_ids": ids}, parameters, uuid.uuid4().hex)
        async with contextlib.aclosing(asked) as outputs:
            async for output in outputs:
                for part in output.outputs:
                    written += len(part.token_ids)
                    yield Piece(part.text, written, len(ids))

    def close(self) -> None:
        """See Engine."""
        self._engine.shutdown()


def sampling_parameters(sampling: Sampling, most: int) -> Any:
    """The same in vLLM's words."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        max_tokens=most,
        min_tokens=min(sampling.min_tokens, most),
        temperature=_within("temperature", sampling.temperature, 0.0),
        top_p=sampling.top_p or 1e-6,
        top_k=sampling.top_k,
        presence_penalty=_within("presence_penalty", sampling.presence_penalty, -HIGHEST),
        frequency_penalty=_within("frequency_penalty", sampling.frequency_penalty, -HIGHEST),
        seed=sampling.seed,
        output_kind=RequestOutputKind.DELTA,
    )


def _within(name: str, value: float, lowest: float) -> float:
    """The value, or the nearest that vLLM takes, which is told: other engines take more."""
    taken = min(max(value, lowest), HIGHEST)
    if taken != value:
        print(f"{name}: {taken:g}, as vLLM takes none beyond it")
    return taken


def engine_arguments(directory: Path, config: Config, gpu_bytes: int | None) -> dict[str, Any]:
    """gpu_bytes: the memory of one GPU, None on a CPU."""
    return {
        "model": str(directory),
        "tokenizer": str(directory),
        "max_model_len": config.context,
        "max_num_seqs": config.requests,
        "enforce_eager": config.vllm.eager,
        "load_format": "dummy" if config.weights.random else "auto",
        "enable_log_requests": False,
        **(_on_gpus(config, gpu_bytes) if gpu_bytes else ON_CPU),
    }


def _on_gpus(config: Config, gpu_bytes: int) -> dict[str, Any]:
    wanted = config.vllm.gpu_memory or int(os.environ.get("MAINSPRING_GPU_MEMORY", "0"))
    share = min(MOST_OF_A_GPU, wanted / gpu_bytes) if wanted else MOST_OF_A_GPU
    return {"tensor_parallel_size": config.vllm.tensor_parallel, "gpu_memory_utilization": share}


def start_vllm(directory: Path, config: Config) -> Vllm:
    """Load the weights onto as many GPUs as the configuration says. Raises ValueError when there are fewer."""
    from transformers import AutoTokenizer
    from vllm import AsyncEngineArgs, AsyncLLMEngine

    arguments = AsyncEngineArgs(**engine_arguments(directory, config, _gpu_bytes(config)))
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    return Vllm(AsyncLLMEngine.from_engine_args(arguments), tokenizer, config.context)


def _gpu_bytes(config: Config) -> int | None:
    import torch

    present = torch.cuda.device_count()
    if not present:
        # Left to itself, vLLM takes nine tenths of the machine's memory for what it keeps of the texts.
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
        return None
    if present < config.vllm.tensor_parallel:
        raise ValueError(
            f"{config.model} wants {config.vllm.tensor_parallel} GPUs; this instance has {present}"
        )
    return int(torch.cuda.get_device_properties(0).total_memory)
