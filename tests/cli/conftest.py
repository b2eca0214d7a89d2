"""The commands as users run them, against a small server on a real port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from server_double import TOKEN, Double
from starlette.applications import Starlette
from typer.testing import CliRunner, Result

from mainspring.cli.app import app


@pytest.fixture(scope="session")
def _listening() -> Iterator[tuple[Starlette, str]]:
    """One listening server for all tests; each puts its own routes in."""
    served = Starlette()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(served, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    listener.listen()  # from here on clients may connect; they are answered once the loop runs
    thread.start()
    yield served, f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def server(_listening: tuple[Starlette, str], monkeypatch: pytest.MonkeyPatch) -> Double:
    served, url = _listening
    double = Double(url)
    served.router.routes[:] = double.routes()
    monkeypatch.setenv("MAINSPRING_URL", url)
    monkeypatch.setenv("MAINSPRING_TOKEN", TOKEN)
    return double


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and working directory, and no variable of the one who runs the tests."""
    ours = ("MAINSPRING_URL", "MAINSPRING_TOKEN", "MAINSPRING_DATA")
    for name in (*ours, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.delenv(name, raising=False)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "180")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def cli() -> Callable[..., Result]:
    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin, catch_exceptions=False)

    return invoke
