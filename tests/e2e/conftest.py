"""One server for all end-to-end tests that do not stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.projects import write_project
from tests.e2e.server import Server

Pushed = Callable[[str], str]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("platform") / "data"
    running = Server(data, private_urls=True, webhook_hosts="localhost").start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def pushed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    """Push a project once; its reference."""
    done: dict[str, str] = {}
    root: Path = tmp_path_factory.mktemp("projects")

    def push(name: str) -> str:
        if name not in done:
            model = f"mainspring/{name}"
            server.push(write_project(name, root), model)
            done[name] = model
        return done[name]

    return push
