"""How many threads an instance gets, and sizes as people write them."""

from __future__ import annotations

import pytest

from mainspring.core.sizes import parse_size
from mainspring.core.threads import share


@pytest.mark.parametrize(
    ("cores", "cpus", "live", "threads"),
    [(16, 0.5, 1, 8), (16, 0.5, 4, 4), (16, 4.0, 4, 4), (2, 0.5, 1, 1), (2, 0.5, 9, 1), (16, 1.5, 1, 1)],
)
def test_threads(cores: int, cpus: float, live: int, threads: int) -> None:
    assert share(cores, cpus, live) == threads


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("800000", 800_000), ("1.5GB", 1_500_000_000), ("24 GiB", 24 << 30), ("8g", 8 * 10**9)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "GB", "1XB", "1 2"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)
