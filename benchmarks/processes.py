"""The platform and bare coglet as processes of their own, and what the kernel says of them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.connection import LIMIT_S, TOKEN, Broken, Connection, request

COMMAND = (sys.executable, "-c", "from mainspring.cli import main; main()")
_POLL_S = 0.002
_BARE_ID = "mainspring-bench"


@dataclass(slots=True)
class Process:
    """Something that serves HTTP on a port. ready_s: from its start until it could serve."""

    process: subprocess.Popen[bytes]
    port: int
    began: float
    ready_s: float = 0.0

    @property
    def pid(self) -> int:
        """The process that was started; it may have children."""
        return self.process.pid

    def connect(self) -> Connection:
        """A connection of one's own."""
        return Connection(self.port)

    def memory(self) -> tuple[float, float]:
        """(resident, proportional) set of this process alone, in MB of a million bytes."""
        process = Path(f"/proc/{self.pid}")
        return _megabytes(process / "status", "VmRSS"), _megabytes(process / "smaps_rollup", "Pss")

    def children(self) -> int:
        """How many processes have it as their parent."""
        return sum(_parent(entry) == self.pid for entry in Path("/proc").glob("[0-9]*"))


@contextmanager
def platform(data: Path, settings: Mapping[str, object]) -> Iterator[Process]:
    """`mainspring serve` on a data directory, ready."""
    port = _free_port()
    options = {"data": data, "port": port, "tls_port": _free_port(), **settings}
    environ = plain_environ() | {f"MAINSPRING_{k.upper()}": str(v) for k, v in options.items()}
    environ["MAINSPRING_TOKEN"] = TOKEN
    with _running([*COMMAND, "serve"], environ, data.with_suffix(".log"), Path.cwd(), port) as process:
        _wait_until(process, "/health", b'"ok"')
        yield process


@contextmanager
def coglet(
    environment: Path, source: Path, predictor: str, slots: int, *, ready: bool = True
) -> Iterator[Process]:
    """`python -m cog.server.http` with an environment, in a source directory."""
    port = _free_port()
    environ = plain_environ() | {
        "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
        "PORT": str(port),
        "COG_PREDICT_TYPE_STUB": predictor,
        "COG_MAX_CONCURRENCY": str(slots),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [str(environment / "bin" / "python"), "-m", "cog.server.http", "--host", "127.0.0.1"]
    with _running(command, environ, source.with_suffix(".log"), source, port) as process:
        if ready:
            wait_until_coglet_is_ready(process)
        yield process


def wait_until_coglet_is_ready(process: Process) -> None:
    """Its setup has ended well."""
    _wait_until(process, "/health-check", b'"status":"READY"')


def wait_until_childless(process: Process) -> None:
    """It has no child process any more."""
    limit = time.monotonic() + LIMIT_S
    while process.children():
        if time.monotonic() > limit:
            raise Broken(f"port {process.port}: children stayed for {LIMIT_S} s")
        time.sleep(0.05)


def plain_environ() -> dict[str, str]:
    """The environment without anything that sets up the platform."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MAINSPRING_")}


def bare_requests(input_json: str, *headers: str) -> Callable[[], bytes]:
    """Makes requests to bare coglet, each with an id by which `clear_bare` finds what coglet leaves on disk."""
    number = 0

    def make() -> bytes:
        nonlocal number
        number += 1
        body = f'{{"id":"{_bare_id()}{number:08}-{time.time_ns():x}","input":{input_json}}}'
        return request("POST", "/predictions", body.encode(), *headers)

    return make


def clear_bare() -> None:
    """Remove the directories that coglet makes for each prediction and keeps for ever."""
    for directory in Path("/tmp/coglet/predictions").glob(f"{_bare_id()}*"):
        shutil.rmtree(directory, ignore_errors=True)


def _bare_id() -> str:
    return f"{_BARE_ID}-{os.getpid()}-"


@contextmanager
def _running(
    command: Sequence[str], environ: Mapping[str, str], log: Path, cwd: Path, port: int
) -> Iterator[Process]:
    with log.open("ab") as output:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield Process(child, port, began)
        if child.poll() is not None:
            raise Broken(f"{command[0]} ended by itself: {log.read_text()[-2000:]}")
    finally:
        _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait_until(process: Process, path: str, wanted: bytes) -> None:
    asked = request("GET", path)
    while process.process.poll() is None:
        try:
            connection = process.connect()
        except ConnectionRefusedError:
            connection = None
        if connection is not None:
            answer = connection.ask(asked)
            connection.close()
            if wanted in answer:
                process.ready_s = time.perf_counter() - process.began
                return
        if time.perf_counter() - process.began > LIMIT_S:
            raise Broken(f"port {process.port}: not ready within {LIMIT_S} s")
        time.sleep(_POLL_S)
    raise Broken(f"port {process.port}: the process ended while it was waited for")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _megabytes(file: Path, name: str) -> float:
    found = next(line for line in file.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(found.split()[1]) * 1024 / 1e6


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
