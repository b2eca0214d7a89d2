"""What `mainspring doctor` looks at: each check gives one finding, and none changes anything."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mainspring.cli.gpus import gpu_findings
from mainspring.cli.state import find_target
from mainspring.cli.terminal import CliError
from mainspring.settings import Settings

if TYPE_CHECKING:
    from mainspring.launchers.machine import Reading

_GIB = 1 << 30
_PYTHON_FIX = "apt-get install python3.12 python3.12-venv, or: uv python install 3.12"


@dataclass(frozen=True, slots=True)
class Finding:
    """state: ok; warn: less than could be; bad: the platform can't do its work. fix: what to do about it."""

    state: Literal["ok", "warn", "bad"]
    name: str
    found: str
    fix: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings about this machine, as a server with these settings, and as a client."""
    yield _pythons()
    yield _uv()
    yield _processor()
    yield _memory(settings)
    yield from gpu_findings(settings.gpus)
    yield _isolation()
    yield _disk(settings.data)
    serving, target = _server()
    for name, port in (("HTTP port", settings.port), ("HTTPS port", settings.tls_port)):
        yield _port(name, settings.host, port, target)
    yield serving
    for tool, purpose in (
        ("git", "packages from Git repositories"),
        ("node", "Replicate's JavaScript client"),
    ):
        yield _tool(tool, purpose)


def _pythons() -> Finding:
    from mainspring.bundle.interpreters import Interpreters

    versions = asyncio.run(Interpreters().versions())
    if not versions:
        return Finding("bad", "Pythons", "none that models could use", _PYTHON_FIX)
    fix = "" if len(versions) > 1 else f"a model that wants another Python needs it here: {_PYTHON_FIX}"
    return Finding("ok", "Pythons", f"{', '.join(versions)} (the platform: {platform.python_version()})", fix)


def _uv() -> Finding:
    import importlib.util

    found = shutil.which("uv")
    if not found and importlib.util.find_spec("uv"):
        from uv import find_uv_bin

        try:
            found = find_uv_bin()
        except FileNotFoundError:
            found = None
    if found:
        return Finding("ok", "uv", found)
    return Finding("bad", "uv", "not found: no environment of a model can be built", "pip install uv")


def _processor() -> Finding:
    return Finding("ok", "Processor", f"{_machine().cpus:.0f} cores, {platform.machine()}")


def _memory(settings: Settings) -> Finding:
    now = _machine()
    free, total = now.memory_available, now.memory
    found = f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
    if free < settings.instance_memory:
        need = f"{settings.instance_memory / _GIB:.1f} GiB"
        return Finding(
            "warn", "Memory", found, f"an instance is taken to need {need}: free some, or set instance_memory"
        )
    return Finding("ok", "Memory", found)


def _machine() -> Reading:
    """Without its GPUs, which have findings of their own."""
    from mainspring.launchers.gpus import Simulated
    from mainspring.launchers.machine import Machine

    return Machine(Simulated(())).read()


def _isolation() -> Finding:
    from mainspring.launchers.isolation import probe

    found = probe()
    if found.level == "full":
        return Finding("ok", "Isolation", "models are confined to their own files")
    risk = " run only models that you trust;" if found.level == "none" else ""
    return Finding("warn", "Isolation", f"{found.level}:{risk} {found.reason}", found.fix)


def _disk(data: Path) -> Finding:
    place = next(p for p in (data.absolute(), *data.absolute().parents) if p.exists())
    name = f"Data in {data}"
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            "bad", name, f"{place} can't be written", "choose another: mainspring serve --data DIR"
        )
    free = shutil.disk_usage(place).free
    found = f"{free / _GIB:.1f} GiB free"
    if free < _GIB:
        return Finding(
            "bad", name, found, "free some space, or choose another disk: mainspring serve --data DIR"
        )
    if free < 10 * _GIB:
        return Finding("warn", name, found, "environments with PyTorch take about 5 GiB each")
    return Finding("ok", name, found)


def _server() -> tuple[Finding, bool]:
    """The finding, and whether a platform answers at the URL that commands use."""
    from mainspring.cli.client import Refused, Unreachable, ask

    try:
        target = find_target()
        account = ask(lambda client: client.get("/v1/account"), target)
    except Unreachable as error:
        return Finding("warn", "Server", str(error), _one_line(error)), False
    except Refused as error:
        known = error.status in (401, 403)
        return Finding("warn" if known else "bad", "Server", _flat(str(error)), _one_line(error)), known
    except CliError as error:
        return Finding("bad", "Server", _flat(str(error)), _one_line(error)), False
    return Finding("ok", "Server", f"{target.url} answers, as {account['username']}"), True


def _port(name: str, host: str, port: int, served: bool) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE and served:
            return Finding("ok", name, f"{port} is in use, and a server answers")
        option = "--tls-port" if name == "HTTPS port" else "--port"
        why = error.strerror or str(error)
        return Finding(
            "bad", name, f"{host}:{port}: {why}", f"end what listens there, or: mainspring serve {option} N"
        )
    return Finding("ok", name, f"{port} is free")


def _tool(name: str, purpose: str) -> Finding:
    found = shutil.which(name)
    if found:
        return Finding("ok", name, found)
    package = {"node": "nodejs"}.get(name, name)
    return Finding("warn", name, f"not found; only needed for {purpose}", f"apt-get install {package}")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _one_line(error: CliError) -> str:
    return "; ".join(error.hint.splitlines())
