"""The figures of SDXL, by their small way."""

from __future__ import annotations

from pathlib import Path

import pytest

from .measured import measured


@pytest.mark.models
@pytest.mark.timeout(900)
async def test_the_small_way(tmp_path: Path) -> None:
    figures = await measured("benchmarks.gpu.images", tmp_path / "figures", "--instances", "1", "2")
    assert figures["cold boot to image, weights in page cache; alone: load"]["measured"]["median"] > 0.5
    single = figures["images/s, one after the other"]
    assert 0 < single["measured"]["median"] < 2 * single["bare"]["median"]
    assert figures["images/s, 2 users; 2 instances ran"]["measured"]["median"] > 0
    for instances in (1, 2):
        assert figures[f"memory, {instances} instances at most"]["measured"]["median"] > 0.2
