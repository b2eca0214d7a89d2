"""Which engine runs: by the configuration, the kind of weights, and what the machine has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from chat.config import Config
from chat.engine import Engine


def choose(config: Config, weights: Path, *, cuda: bool) -> str:
    """The engine's name. Raises ValueError when it can't read these weights or lacks its GPU."""
    quantized = weights.suffix == ".gguf"
    if config.engine == "auto":
        if quantized:
            return "llamacpp"
        return "vllm" if cuda and importlib.util.find_spec("vllm") else "transformers"
    if (config.engine == "llamacpp") != quantized:
        raise ValueError(f"the engine {config.engine} can't read {weights.name}; see `engine` in chat.toml")
    if config.engine == "vllm" and not cuda:
        raise ValueError("vllm wants a CUDA GPU, and there is none; see `engine` in chat.toml")
    return config.engine


def start_engine(config: Config, weights: Path) -> Engine:
    """Load the weights; takes seconds to minutes. Call it where the event loop runs that will ask for answers."""
    chosen = choose(config, weights, cuda=_cuda())
    if chosen == "llamacpp":
        from chat.llamacpp import LlamaCpp

        return LlamaCpp(weights, config)
    if chosen == "vllm":
        from chat.vllm_engine import start_vllm

        return start_vllm(weights, config)
    from chat.transformers_engine import start_transformers

    return start_transformers(weights, config)


def _cuda() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())
