"""What the vLLM engine asks of vLLM, up to vLLM's own door: a double of the engine stands behind it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from chat.config import Config, Vllm
from chat.engine import Sampling
from chat.prompts import fill_in
from chat.vllm_engine import Vllm as Engine
from chat.vllm_engine import engine_arguments

from .test_chat_parts import Letters

SAMPLING = Sampling(
    max_tokens=20,
    min_tokens=2,
    temperature=0.5,
    top_p=0.8,
    top_k=7,
    presence_penalty=0.1,
    frequency_penalty=0.2,
    seed=11,
)


class Double:
    """Gives two pieces, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Any]] = []
        self.left = self.shut = False

    async def generate(self, prompt: Any, parameters: Any, request_id: str) -> AsyncIterator[Any]:
        self.asked.append((prompt, parameters))
        try:
            for text, ids in (("He", [1, 2]), ("llo", [3])):
                yield SimpleNamespace(outputs=[SimpleNamespace(text=text, token_ids=ids)])
        finally:
            self.left = True

    def shutdown(self) -> None:
        self.shut = True


@pytest.fixture(autouse=True)
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    package, parameters = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    package.SamplingParams = lambda **given: given  # type: ignore[attr-defined]
    parameters.RequestOutputKind = SimpleNamespace(DELTA="delta")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", package)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", parameters)


async def test_every_input_reaches_the_engine() -> None:
    double = Double()
    engine = Engine(double, Letters(), context=100)
    pieces = [piece async for piece in engine.stream(fill_in("s", "hi", "{prompt}"), SAMPLING)]
    assert [(piece.text, piece.written, piece.read) for piece in pieces] == [("He", 2, 3), ("llo", 3, 3)]
    prompt, parameters = double.asked[0]
    assert prompt == {"prompt_token_ids": [*b"^hi"]}
    assert parameters == {
        "max_tokens": 20,
        "min_tokens": 2,
        "temperature": 0.5,
        "top_p": 0.8,
        "top_k": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "seed": 11,
        "output_kind": "delta",
    }
    engine.close()
    assert double.shut


async def test_what_vllm_would_refuse_is_brought_into_its_range(capsys: pytest.CaptureFixture[str]) -> None:
    double = Double()
    wild = replace(SAMPLING, temperature=5.0, presence_penalty=-3.0, frequency_penalty=2.5)
    assert [p async for p in Engine(double, Letters(), 100).stream(fill_in("s", "hi", "{prompt}"), wild)]
    asked = double.asked[0][1]
    assert (asked["temperature"], asked["presence_penalty"], asked["frequency_penalty"]) == (2.0, -2.0, 2.0)
    said = capsys.readouterr().out
    assert "temperature: 2, as vLLM takes none beyond it" in said
    assert "presence_penalty: -2" in said


async def test_an_answer_fits_into_the_context() -> None:
    double = Double()
    engine = Engine(double, Letters(), context=10)
    assert [piece async for piece in engine.stream(fill_in("", "hi", "{prompt}"), SAMPLING)]
    assert double.asked[0][1]["max_tokens"] == 7
    with pytest.raises(ValueError, match="room for 10"):
        _ = [piece async for piece in engine.stream(fill_in("", "long long long", "{prompt}"), SAMPLING)]


async def test_leaving_early_ends_the_request() -> None:
    double = Double()
    stream = Engine(double, Letters(), context=100).stream(fill_in("", "hi", "{prompt}"), SAMPLING)
    await anext(stream)
    await stream.aclose()
    assert double.left


def test_an_instance_takes_the_memory_that_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAINSPRING_GPU_MEMORY", raising=False)
    wanted = engine_arguments(Path("/w"), Config("o/n", context=512, requests=9, vllm=Vllm(2, 20)), 80)
    assert wanted["gpu_memory_utilization"] == 0.25
    on_cpu = engine_arguments(Path("/w"), Config("o/n", vllm=Vllm(2, 20, eager=True)), None)
    assert "gpu_memory_utilization" not in on_cpu
    assert (on_cpu["tensor_parallel_size"], on_cpu["enforce_eager"]) == (1, True)
    assert (wanted["max_model_len"], wanted["max_num_seqs"], wanted["tensor_parallel_size"]) == (512, 9, 2)
    assert engine_arguments(Path("/w"), Config("o/n"), 80)["gpu_memory_utilization"] == 0.9
    assert engine_arguments(Path("/w"), Config("o/n", vllm=Vllm(1, 90)), 80)["gpu_memory_utilization"] == 0.9
    monkeypatch.setenv("MAINSPRING_GPU_MEMORY", "40")
    assert engine_arguments(Path("/w"), Config("o/n"), 80)["gpu_memory_utilization"] == 0.5
    assert wanted["gpu_memory_utilization"] == 0.25
