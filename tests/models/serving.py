"""A model of the house, served by an unmodified coglet."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import mimetypes
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import httpx

from mainspring.bundle import Environment, describe, prepare_source, read_config
from tests.ports import free_port

MODELS = Path(__file__).parents[2] / "models"


def data_uri(content: bytes, name: str) -> str:
    kind = mimetypes.guess_type(name)[0]
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def content(uri: str, kind: str) -> bytes:
    """The bytes of a data URI, which must be of `kind`."""
    head, _, body = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(body)


def example(model: str) -> dict[str, Any]:
    """The input of example.json; "@name" stands for the content of a file beside it."""
    folder = MODELS / model
    given = json.loads((folder / "example.json").read_text())["input"]
    return {
        key: data_uri((folder / value[1:]).read_bytes(), value)
        if isinstance(value, str) and value.startswith("@")
        else value
        for key, value in given.items()
    }


@dataclass(frozen=True, slots=True)
class Served:
    """A model that is ready."""

    client: httpx.AsyncClient

    async def predict(self, **given: Any) -> dict[str, Any]:
        """The whole prediction; asked again while coglet frees the slot of the one before."""
        while True:
            reply = await self.client.post("/predictions", json={"input": given})
            if reply.status_code != 409:
                assert reply.status_code == 200, reply.text
                return dict(reply.json())
            await asyncio.sleep(0.002)

    async def output(self, **given: Any) -> Any:
        prediction = await self.predict(**given)
        assert prediction["status"] == "succeeded", prediction
        return prediction["output"]

    async def events(self, **given: Any) -> AsyncIterator[tuple[str, Any]]:
        """The prediction as it is streamed: (event, data)."""
        headers = {"accept": "text/event-stream"}
        async with self.client.stream(
            "POST", "/predictions", json={"input": given}, headers=headers
        ) as reply:
            assert reply.status_code == 200, await reply.aread()
            event = ""
            async for line in reply.aiter_lines():
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: "):
                    yield event, json.loads(line[6:])


class Serve(Protocol):
    """Serves a model by its name below `models/`; `variables` are set for it."""

    async def __call__(self, name: str, **variables: str) -> Served: ...


@contextlib.asynccontextmanager
async def running(
    folder: Path, environment: Environment, variables: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Served]:
    config = read_config(folder)
    signature = await describe(environment, folder, config)
    prepare_source(folder, signature.openapi)
    port = free_port()
    environ = {
        "PATH": f"{environment.path / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder.parent),
        "TMPDIR": str(folder.parent),
        "PORT": str(port),
        "COG_PREDICT_TYPE_STUB": config.predict,
        "HF_HUB_OFFLINE": "1",
        **config.environment,
        **variables,
    }
    stderr = folder.parent / "stderr"
    with stderr.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(str(environment.python), "-m", "cog.server.http", "--host", "127.0.0.1"),
            cwd=folder,
            env=environ,
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=90, trust_env=False
        ) as client:
            await _ready(client, process, stderr)
            yield Served(client)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _ready(client: httpx.AsyncClient, process: asyncio.subprocess.Process, stderr: Path) -> None:
    async with asyncio.timeout(300):
        while process.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                health = (await client.get("/health-check")).json()
                if health["status"] == "READY":
                    return
                assert health["status"] == "STARTING", health["setup"]
            await asyncio.sleep(0.01)
    raise AssertionError(stderr.read_text())
