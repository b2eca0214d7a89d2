"""The text and audio models; the chat package's own modules can be imported, for what needs no engine."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from mainspring.bundle import Environment, Environments, read_config
from tests.models.serving import MODELS

from .laid import Instance, instance, lay

sys.path.insert(0, str(MODELS / "packages" / "chat"))
AUSTEN = Path(__file__).parents[2] / "weights" / "llama-austen"


class Raise(Protocol):
    """Lays, builds and serves a model; `files` are laid over it, `variables` set for it."""

    async def __call__(self, name: str, files: dict[str, str] = ..., **variables: str) -> Instance: ...


@pytest.fixture
def here() -> Environment:
    """The environment that runs the tests: Cog, and no engine."""
    return Environment(Path(sys.prefix), "", "", "", "0.23.1")


@pytest.fixture
async def laid(environments: Environments, tmp_path: Path) -> AsyncIterator[Raise]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str, files: dict[str, str] | None = None, **variables: str) -> Instance:
            folder = lay(name, tmp_path / name.rpartition("/")[2], **(files or {}))
            environment = await environments.ensure(read_config(folder), folder, print)
            return await stack.enter_async_context(instance(folder, environment, variables))

        yield start


@pytest.fixture(scope="session")
def austen() -> Path:
    """A Llama of two million parameters that writes like Jane Austen."""
    assert json.loads((AUSTEN / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    return AUSTEN
