"""A model of the catalogue as it is installed: its files laid over its package's, served behind the platform's adapter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mainspring.bundle import ADAPTER, Environment, describe, prepare_source, read_config
from mainspring.cogclient import CogClient
from mainspring.cogclient.events import Completed, Log, Output
from mainspring.core.errors import InstanceLost
from tests.models.serving import MODELS
from tests.ports import free_port

_IGNORED = shutil.ignore_patterns("__pycache__")


def lay(name: str, folder: Path, **files: str) -> Path:
    """Lay the model `models/<name>` into `folder`, then `files` (with `_` for the dot) over it."""
    own = MODELS / name
    catalog = own / "catalog.toml"
    package = tomllib.loads(catalog.read_text()).get("package") if catalog.exists() else None
    if package:
        shutil.copytree(MODELS / "packages" / package, folder, dirs_exist_ok=True, ignore=_IGNORED)
    shutil.copytree(own, folder, dirs_exist_ok=True, ignore=_IGNORED)
    for file, text in files.items():
        (folder / file.replace("_", ".")).write_text(text)
    return folder


@dataclass(slots=True)
class Told:
    """A prediction that has ended. times: when each chunk came, in seconds of the loop."""

    status: str = ""
    output: Any = None
    error: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    logs: str = ""
    chunks: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def text(self) -> str:
        assert self.status == "succeeded", self.error
        return "".join(self.output)


@dataclass(frozen=True, slots=True)
class Instance:
    """client: of a ready instance; log: the file of what it printed."""

    client: CogClient
    log: Path
    slots: int

    async def tell(self, **given: Any) -> Told:
        """Run a prediction to its end."""
        told = Told()
        async with contextlib.aclosing(self.events(**given)) as events:
            async for event in events:
                _note(told, event)
        return told

    async def events(self, **given: Any) -> AsyncIterator[Any]:
        """What the platform would read; leaving early cancels."""
        body = json.dumps({"input": given}).encode()
        async with contextlib.aclosing(self.client.run(secrets.token_hex(8), body)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event


def _note(told: Told, event: Any) -> None:
    if isinstance(event, Output):
        told.chunks.append(msgspec.json.decode(event.value))
        told.times.append(asyncio.get_running_loop().time())
    elif isinstance(event, Log):
        told.logs += event.text
    elif isinstance(event, Completed):
        told.status, told.error, told.metrics = event.status, event.error, dict(event.metrics)
        told.output = None if event.output is None else msgspec.json.decode(event.output)


@contextlib.asynccontextmanager
async def instance(
    folder: Path, environment: Environment, variables: Mapping[str, str]
) -> AsyncIterator[Instance]:
    """The model in `folder`, ready; raises AssertionError with the reason when its setup fails."""
    config = read_config(folder)
    signature = await describe(environment, folder, config)
    prepare_source(folder, signature.openapi)
    port = free_port()
    log = folder.parent / f"{folder.name}.log"
    process = await _start(folder, environment, port, log, signature.concurrency, variables)
    client = CogClient(f"127.0.0.1:{port}")
    try:
        await _ready(client, process, log)
        yield Instance(client, log, signature.concurrency)
    finally:
        await client.close()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _start(
    folder: Path, environment: Environment, port: int, log: Path, slots: int, variables: Mapping[str, str]
) -> asyncio.subprocess.Process:
    config = read_config(folder)
    environ = {
        "PATH": f"{environment.path / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder.parent),
        "TMPDIR": str(folder.parent),
        "PORT": str(port),
        "COG_PREDICT_TYPE_STUB": ADAPTER,
        "COG_MAX_CONCURRENCY": str(slots),
        "MAINSPRING_PREDICTOR": config.predict,
        "OMP_NUM_THREADS": "1",
        **config.environment,
        **variables,
    }
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *(str(environment.python), "-m", "cog.server.http", "--host", "127.0.0.1"),
            cwd=folder,
            env=environ,
            stdout=output,
            stderr=output,
        )


async def _ready(client: CogClient, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(300):
        while process.returncode is None:
            with contextlib.suppress(InstanceLost):
                health = await client.health()
                if health.status == "READY":
                    return
                assert health.status == "STARTING", health
            await asyncio.sleep(0.01)
    raise AssertionError(log.read_text())
