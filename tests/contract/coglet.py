"""Runs the bare coglet, as Cog's own image does, for the tests of what it does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Coglet:
    """A started server."""

    process: subprocess.Popen[bytes]
    address: str
    http: httpx.AsyncClient

    async def health(self) -> dict[str, Any]:
        return (await self.http.get("/health-check")).json()

    async def until(self, status: str) -> dict[str, Any]:
        while True:
            with contextlib.suppress(httpx.TransportError):
                health = await self.health()
                if health["status"] == status:
                    return health
            await asyncio.sleep(0.005)

    async def put(
        self, prediction_id: str, accept: str = "text/event-stream", **given: str | None
    ) -> httpx.Response:
        """Run, and again while the slot of the last run is not free yet."""
        headers = {"accept": accept}
        for _ in range(100):
            response = await self.http.put(
                f"/predictions/{prediction_id}", json={"input": given}, headers=headers
            )
            if response.status_code != 409:
                break
            await asyncio.sleep(0.003)
        return response

    async def events(self, prediction_id: str, **given: str) -> list[tuple[str, dict[str, Any]]]:
        return parse((await self.put(prediction_id, **given)).text)


def parse(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Events of a stream."""
    blocks = [block.split("\n", 1) for block in text.split("\n\n") if block.startswith("event")]
    return [(head.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for head, data in blocks]


@contextlib.asynccontextmanager
async def coglet(model: Path, command: list[str] | None = None, **env: str) -> AsyncIterator[Coglet]:
    """A coglet that serves the model, from its start on; killed at the end."""
    port = free_port()
    process = subprocess.Popen(
        command or [sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1"],
        cwd=model,
        env={
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PORT": str(port),
            "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
            **env,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
        try:
            yield Coglet(process, f"127.0.0.1:{port}", http)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
