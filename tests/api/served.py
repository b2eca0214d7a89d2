"""A house behind a real socket, in a thread of this process, for tools that speak HTTP themselves."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from mainspring.settings import Settings
from tests.api.house import House, open_house

Prepare = Callable[[House], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Served:
    """Where the house is, and its tokens by account, and what was wrong with its replies so far."""

    url: str
    tokens: dict[str, str]
    faults: list[str]


@contextmanager
def serve(root: Path, settings: Settings, prepare: Prepare) -> Iterator[Served]:
    """Open a house, prepare it, and serve it until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    up, told = threading.Event(), list[Served]()
    server = uvicorn.Server(
        uvicorn.Config("", lifespan="off", ws="none", log_level="error", access_log=False)
    )

    async def run() -> None:
        async with open_house(root, settings) as house:
            await prepare(house)
            server.config.app = house.app
            server.config.load()
            told.append(
                Served(f"http://127.0.0.1:{listener.getsockname()[1]}", house.tokens, house.app.faults)
            )
            up.set()
            await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="served-house")
    thread.start()
    try:
        assert up.wait(30)
        yield told[0]
    finally:
        server.should_exit = True
        thread.join(30)
