"""mainspring/minilm with its real weights."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from .conftest import Raise

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]


def alike(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_what_means_alike_lies_near(laid: Raise) -> None:
    model = await laid("mainspring/minilm")
    texts = ["a cat on a mat", "a kitten on a rug", "the price of shares fell"]
    told = await model.tell(text_batch=json.dumps(texts))
    cat, kitten, shares = [each["embedding"] for each in told.output]
    assert len(cat) == 384
    assert alike(cat, cat) == pytest.approx(1, abs=1e-5)
    # As transformers computes it from the same weights.
    assert alike(cat, kitten) == pytest.approx(0.6741, abs=1e-3)
    assert alike(cat, shares) == pytest.approx(0.0511, abs=1e-3)
    assert told.metrics["input_token_count"] == 7 + 7 + 7

    both = await model.tell(text=texts[0], text_batch=json.dumps([texts[2]]))
    assert both.output[0]["embedding"] == pytest.approx(cat, abs=1e-5)
    assert both.output[1]["embedding"] == pytest.approx(shares, abs=1e-5)

    many = [f"{number} " * (number % 50 + 1) for number in range(70)]
    vectors = [each["embedding"] for each in (await model.tell(text_batch=json.dumps(many))).output]
    assert len(vectors) == 70
    assert all(one != other for one, other in pairwise(vectors))
    alone = (await model.tell(text=many[49])).output[0]["embedding"]
    assert vectors[49] == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("given", [{}, {"text_batch": "no list"}, {"text_batch": '{"a": 1}'}, {"text_batch": "[1]"}])
async def test_what_is_no_text_is_refused(laid: Raise, given: dict[str, str]) -> None:
    told = await (await laid("mainspring/minilm")).tell(**given)
    assert told.status == "failed"
    assert "text_batch" in str(told.error)
