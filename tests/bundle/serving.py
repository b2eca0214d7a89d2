"""A real coglet that serves a model of a test, through the adapter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from mainspring.bundle import ADAPTER, Environment, describe, prepare_source, read_config, training_view
from tests.ports import free_port

Write = Callable[..., Path]


@dataclass
class Ended:
    """One prediction as it was streamed: (event, data, seconds after the start) and the last object."""

    events: list[tuple[str, dict[str, Any], float]] = field(default_factory=list)

    @property
    def final(self) -> dict[str, Any]:
        return self.events[-1][1]

    @property
    def output(self) -> Any:
        return self.final.get("output")

    @property
    def logs(self) -> str:
        return "".join(data["data"] for event, data, _ in self.events if event == "log")

    def chunks(self) -> list[tuple[int, Any, float]]:
        return [
            (*json.loads(data["value"]), at)
            for event, data, at in self.events
            if event == "metric" and data["name"] == "mainspring_chunk"
        ]


@dataclass
class Served:
    """A running coglet."""

    client: httpx.AsyncClient
    inbox: Path
    outbox: Path
    errors: Path
    health: dict[str, Any]

    async def run(self, **given: Any) -> Ended:
        """A prediction; retried while the slot of the one before is being freed."""
        ended, loop = Ended(), asyncio.get_running_loop()
        started, event = loop.time(), ""
        headers = {"accept": "text/event-stream"}
        async with self.client.stream(
            "POST", "/predictions", json={"input": given}, headers=headers
        ) as reply:
            if reply.status_code != 409:
                assert reply.status_code == 200, await reply.aread()
                async for line in reply.aiter_lines():
                    if line.startswith("event: "):
                        event = line[7:]
                    elif line.startswith("data: "):
                        ended.events.append((event, json.loads(line[6:]), loop.time() - started))
                return ended
        return await self.run(**given)

    def file(self, name: str) -> Path:
        assert name.startswith("mainspring-output://"), name
        return self.outbox / name.removeprefix("mainspring-output://")


@contextlib.asynccontextmanager
async def serving(
    source: Path, here: Environment, *, adapter: bool = True, train: bool = False, **variables: str
) -> AsyncIterator[Served]:
    """Describe the model, then serve it by coglet through the adapter."""
    config = read_config(source)
    signature = await describe(here, source, config)
    prepare_source(source, training_view(signature.openapi) if train else signature.openapi)
    boxes = [source.parent / name for name in ("inbox", "outbox")]
    for box in boxes:
        box.mkdir(exist_ok=True)
    port = free_port()
    environ = {
        "PATH": f"{here.path / 'bin'}:{os.environ['PATH']}",
        "HOME": str(source.parent),
        "COG_MAX_CONCURRENCY": str(signature.concurrency),
        "MAINSPRING_PREDICTOR": (config.train if train else None) or config.predict,
        **({"MAINSPRING_TRAINS": "1"} if train else {}),
        **variables,
        **({"MAINSPRING_INBOX": str(boxes[0]), "MAINSPRING_OUTBOX": str(boxes[1])} if adapter else {}),
    }
    code = (
        "import coglet, sys; coglet.server.serve(predictor_ref=sys.argv[1], host='127.0.0.1', "
        "port=int(sys.argv[2]), output_temp_dir_base=sys.argv[3], is_train=sys.argv[4] == 'True')"
    )
    errors = source.parent / "stderr"
    with errors.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(str(here.python), "-c", code, ADAPTER, str(port), str(source.parent / "outputs"), str(train)),
            cwd=source,
            env=environ,
            stdout=stderr,
            stderr=stderr,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            health = await _ready(client, process)
            yield Served(client, *boxes, errors, health)
    finally:
        process.kill()
        await process.wait()


async def _ready(client: httpx.AsyncClient, process: asyncio.subprocess.Process) -> dict[str, Any]:
    while process.returncode is None:
        with contextlib.suppress(httpx.TransportError):
            health: dict[str, Any] = (await client.get("/health-check")).json()
            if health["status"] != "STARTING":
                return health
        await asyncio.sleep(0.02)
    raise AssertionError("coglet ended")
