"""The figures of the language package, by their small way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.gpu.shapes import EIGHT_BILLION, TINY, write_shape
from tests.models.measured import measured


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
    figures = await measured("benchmarks.gpu.language", tmp_path / "figures")
    for requests in (1, 8, 32):
        tokens = figures[f"tokens, {requests} at once"]
        assert tokens["measured"]["median"] > 0
        assert tokens["bare"]["median"] > tokens["measured"]["median"] / 5
    assert figures["first prediction, instance started for it"]["measured"]["median"] > 0.1
