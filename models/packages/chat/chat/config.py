"""chat.toml: which model this is, how it is asked, and what an engine may take."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENGINES = ("auto", "vllm", "transformers", "llamacpp")


@dataclass(frozen=True, slots=True)
class Weights:
    """Where weights are, when the operator gives none.

    files: what a directory of weights must hold; directory: one in the project itself; package and file: a Python
    package that carries them and the file's name in it; random: there are none, only a description, to measure with.
    """

    files: tuple[str, ...] = ()
    directory: str = ""
    package: str = ""
    file: str = ""
    random: bool = False


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an input is when it is not given. prompt_template: None leaves it to the template of the weights."""

    system_prompt: str = "You are a helpful assistant."
    max_tokens: int = 512
    min_tokens: int = 0
    temperature: float = 0.6
    top_p: float = 0.9
    top_k: int = 50
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop_sequences: str | None = None
    prompt_template: str | None = None


@dataclass(frozen=True, slots=True)
class Vllm:
    """tensor_parallel: GPUs for one instance; gpu_memory: bytes of each, 0 for nine tenths of it; eager: compile nothing.

    Without compilation it starts sooner and writes more slowly.
    """

    tensor_parallel: int = 1
    gpu_memory: int = 0
    eager: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """model: owner/name. context: tokens of prompt and answer. requests: at once in the engine."""

    model: str
    engine: str = "auto"
    context: int = 4096
    requests: int = 32
    weights: Weights = field(default_factory=Weights)
    defaults: Defaults = field(default_factory=Defaults)
    vllm: Vllm = field(default_factory=Vllm)


def read_config(file: Path) -> Config:
    """Raises ValueError for an engine that there is not, TypeError for a key that means nothing."""
    found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    weights: Mapping[str, Any] = found.pop("weights", {})
    config = Config(
        weights=Weights(**{**weights, "files": tuple(weights.get("files", ()))}),
        defaults=Defaults(**found.pop("defaults", {})),
        vllm=Vllm(**found.pop("vllm", {})),
        **found,
    )
    if config.engine not in ENGINES:
        raise ValueError(f"chat.toml: engine must be one of {', '.join(ENGINES)}, not {config.engine!r}")
    return config
