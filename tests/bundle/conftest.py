"""A model on disk, and this virtual environment as its environment."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from serving import Write

from mainspring.bundle import Environment


@pytest.fixture
def model(tmp_path: Path) -> Write:
    """Writes a model: the text of predict.py, lines for cog.yaml, other files by name; `into` is a directory."""

    def write(predict: str, cogyaml: str = "run: predict.py\n", into: str = "model", **files: str) -> Path:
        source = tmp_path / into
        source.mkdir(exist_ok=True)
        (source / "predict.py").write_text(textwrap.dedent(predict))
        (source / "cog.yaml").write_text(textwrap.dedent(cogyaml))
        for name, text in files.items():
            (source / name.replace("__", "/").replace("_py", ".py")).write_text(textwrap.dedent(text))
        return source

    return write


@pytest.fixture
def here() -> Environment:
    """The environment that runs the tests; it has cog and coglet."""
    return Environment(Path(sys.prefix), "3.11", "", "", "")
