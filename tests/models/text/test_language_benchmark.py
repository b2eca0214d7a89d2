"""The figures of the language package, by their small way: one command, from the push to the table."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.shapes import EIGHT_BILLION, TINY, write_shape

ROOT = Path(__file__).parents[3]


def test_the_large_shape_has_eight_billion_parameters(tmp_path: Path) -> None:
    shape = EIGHT_BILLION
    width, inner, words = shape["hidden_size"], shape["intermediate_size"], shape["vocab_size"]
    shared = width * width * shape["num_key_value_heads"] // shape["num_attention_heads"]
    layer = 2 * width * width + 2 * shared + 3 * width * inner
    assert 8.0e9 < shape["num_hidden_layers"] * layer + 2 * words * width < 8.1e9
    write_shape(TINY, tmp_path / "weights")
    vocabulary = json.loads((tmp_path / "weights" / "tokenizer.json").read_text())["model"]["vocab"]
    assert len(vocabulary) == TINY["vocab_size"]


@pytest.mark.models
@pytest.mark.timeout(900)
async def test_the_small_way(tmp_path: Path) -> None:
    kept = os.environ.get("MAINSPRING_TEST_ENVIRONMENTS")
    environ = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}"} | ({"UV_CACHE_DIR": f"{kept}/cache"} if kept else {})
    command = ["-m", "benchmarks.gpu.language", "--cpu", "--tiny", "--rounds", "1", "--json", str(tmp_path / "f")]
    run = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, env=environ)
    assert await run.wait() == 0
    figures = {each["name"]: each for each in json.loads((tmp_path / "f").read_text())["figures"]}
    for requests in (1, 8, 32):
        tokens = figures[f"tokens, {requests} at once"]
        assert tokens["measured"]["median"] > 0
        assert tokens["bare"]["median"] > tokens["measured"]["median"] / 5
    assert figures["first prediction, instance started for it"]["measured"]["median"] > 0.1
