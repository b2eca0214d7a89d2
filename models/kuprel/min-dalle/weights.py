"""Finds the directory of weights that the operator gave."""

import os
import tomllib
from pathlib import Path


def weights_directory(model: str) -> Path:
    """The directory in MAINSPRING_WEIGHTS, once it is sure to hold what catalog.toml asks for.

    Raises FileNotFoundError, which names what is missing and how to give it. Prints whose weights they are when they
    are not the model's own.
    """
    wanted = tomllib.loads((Path(__file__).parent / "catalog.toml").read_text())["weights"]
    how = f"Give it a directory that has them: mainspring catalog add {model} --weights DIR"
    given = os.environ.get("MAINSPRING_WEIGHTS")
    if not given:
        raise FileNotFoundError(f"{model} has no weights. It needs {', '.join(wanted['files'])}. {how}")
    directory = Path(given)
    missing = [name for name in wanted["files"] if not any(directory.glob(name))]
    if missing:
        raise FileNotFoundError(f"{model}: {directory} lacks {', '.join(missing)}. {how}")
    if name := os.environ.get("MAINSPRING_WEIGHTS_NAME"):
        print(f"weights: {name} (not {model}'s own)")
    return directory
