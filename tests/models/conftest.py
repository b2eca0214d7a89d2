"""The models that come with the platform, each served by an unmodified coglet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mainspring.bundle import Environment, Environments, read_config

from .serving import MODELS, Serve, Served, running

TINY = Path(__file__).parent / "tiny"

KEPT = "MAINSPRING_TEST_ENVIRONMENTS"


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    kept = os.environ.get(KEPT)
    return Environments(Path(kept) if kept else tmp_path_factory.mktemp("environments"))


@pytest.fixture
async def serve(environments: Environments, tmp_path: Path) -> AsyncIterator[Serve]:
    """Builds a model's environment, describes it, and serves it until the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str, **variables: str) -> Served:
            folder = tmp_path / name
            shutil.copytree(MODELS / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
            config = read_config(folder)
            environment = await environments.ensure(config, folder, print)
            return await stack.enter_async_context(running(folder, environment, variables))

        yield start


Make = Callable[..., Awaitable[Path]]


@pytest.fixture
async def make(environments: Environments, tmp_path: Path) -> Make:
    """Runs a script of `tiny/` in the environment of a model; gives the new directory that it filled."""

    async def run(name: str, script: str, *arguments: str) -> Path:
        environment = await environments.ensure(read_config(MODELS / name), MODELS / name, print)
        folder = tmp_path / script.removesuffix(".py")
        folder.mkdir()
        command = [str(environment.python), str(TINY / script), str(folder), *arguments]
        await asyncio.to_thread(subprocess.run, command, check=True, env={"OMP_NUM_THREADS": "1"})
        return folder

    return run


@pytest.fixture
async def serve_here(tmp_path: Path) -> AsyncIterator[Serve]:
    """As `serve`, in the environment that runs the tests: for a model that needs only Cog."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str, **variables: str) -> Served:
            folder = tmp_path / name
            shutil.copytree(MODELS / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
            here = Environment(Path(sys.prefix), "", "", "", "0.23.1")
            return await stack.enter_async_context(running(folder, here, variables))

        yield start
