"""The example of a project: an input to try, in its `example.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from mainspring.core.errors import BundleError

_FILE = "example.json"
_MOST_BYTES = 1 << 20


class _Example(msgspec.Struct):
    input: dict[str, Any]


def read_example(layers: Sequence[Path]) -> dict[str, Any] | None:
    """The input that a project is tried with, in which a Path stands for a file beside it; None without one.

    layers: the project's directories, the one that others lie over first. Raises BundleError for what can't be read.
    """
    found = next((layer / _FILE for layer in reversed(layers) if (layer / _FILE).is_file()), None)
    if found is None:
        return None
    try:
        if found.stat().st_size > _MOST_BYTES:
            raise BundleError(
                f"{_FILE} is longer than {_MOST_BYTES} bytes; put long values into files beside it"
            )
        given = msgspec.json.decode(found.read_bytes(), type=_Example).input
    except (OSError, msgspec.DecodeError) as error:
        raise BundleError(f"{_FILE}: {error}") from error
    return {name: _beside(layers, value) for name, value in given.items()}


def _beside(layers: Sequence[Path], value: Any) -> Any:
    name = value.removeprefix("@") if isinstance(value, str) and value.startswith("@") else ""
    if not name or Path(name).name != name:
        return value
    return next((layer / name for layer in reversed(layers) if (layer / name).is_file()), value)
