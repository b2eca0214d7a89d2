"""Where the weights are, whose they are, and what is missing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from chat.config import Config

DIRECTORY, NAME = "MAINSPRING_WEIGHTS", "MAINSPRING_WEIGHTS_NAME"


def find_weights(config: Config) -> Path:
    """A directory in the way of Hugging Face, or a GGUF file: the operator's first, then the package's.

    Raises FileNotFoundError, which says what is missing and how to give it.
    """
    given = os.environ.get(DIRECTORY)
    if given:
        return _in_directory(Path(given), config)
    if config.weights.directory:
        return _in_directory(Path(config.weights.directory).absolute(), config)
    if config.weights.package:
        return _in_package(config)
    raise FileNotFoundError(
        f"{config.model} comes without weights: it needs a directory with {_wanted(config)}. {_how(config)}"
    )


def foreign() -> bool:
    """Whether other weights than the model's own run."""
    return bool(os.environ.get(NAME))


def whose(config: Config) -> str:
    """A line for the log."""
    name = os.environ.get(NAME)
    if name:
        return f"weights: {name} (not {config.model}'s own)"
    if config.weights.random:
        return "weights: random"
    return f"weights: {_own(config)}"


def _own(config: Config) -> str:
    if os.environ.get(DIRECTORY) or config.weights.directory:
        return f"{config.model}'s own"
    return config.weights.package


def _in_directory(directory: Path, config: Config) -> Path:
    if directory.suffix == ".gguf" and directory.is_file():
        return directory
    if quantized := sorted(directory.glob("*.gguf")):
        return quantized[0]
    missing = [name for name in config.weights.files if not (directory / name).exists()]
    if not missing and not config.weights.random and not any(directory.glob("*.safetensors")):
        missing = ["*.safetensors"]
    if missing:
        raise FileNotFoundError(
            f"the weights of {config.model} in {directory.name} lack {', '.join(missing)}. {_how(config)}"
        )
    return directory


def _in_package(config: Config) -> Path:
    # Found, not imported: such a package's own module may need what is not installed.
    spec = importlib.util.find_spec(config.weights.package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {config.weights.package} is not installed. {_how(config)}")
    return Path(spec.submodule_search_locations[0], config.weights.file)


def _wanted(config: Config) -> str:
    return ", ".join([*config.weights.files, "*.safetensors (or one *.gguf)"])


def _how(config: Config) -> str:
    return f"Give them with: mainspring catalog add {config.model} --weights DIR"
