"""Which processes belong to an instance, seen in /proc: by session, and by a mark in their environment."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

MARK = "MAINSPRING_INSTANCE"


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One line of /proc/PID/stat. started_at: clock ticks since boot."""

    pid: int
    state: str
    group: int
    session: int
    started_at: int


def facts(pid: int) -> ProcessFacts | None:
    """What the kernel says of a pid, or None if it is gone. A zombie has state `Z`."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
    except OSError:
        return None
    fields = line[line.rindex(b")") + 2 :].split()
    return ProcessFacts(pid, fields[0].decode(), int(fields[2]), int(fields[3]), int(fields[19]))


def is_running(pid: int, started_at: int) -> bool:
    """Whether that very process still runs; a zombie does not."""
    found = facts(pid)
    return found is not None and found.started_at == started_at and found.state not in "ZX"


def marked(prefix: str) -> Iterator[tuple[ProcessFacts, str]]:
    """Running processes that carry an instance's mark that starts with prefix, each with its mark."""
    wanted = f"\0{MARK}={prefix}".encode()
    for name in os.listdir("/proc"):
        environment = _environment(name) if name.isdigit() else b""
        start = environment.find(wanted)
        found = facts(int(name)) if start >= 0 else None
        if found is not None and found.state not in "ZX":
            mark = environment[start + len(MARK) + 2 :].partition(b"\0")[0]
            yield found, mark.decode(errors="surrogateescape")


def _environment(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return b"\0" + file.read()
    except OSError:
        return b""


def kill_marked(prefix: str, rounds: int = 100) -> int:
    """SIGKILL until none is left, as one may fork between look and shot; returns how many. Blocks."""
    shot: set[int] = set()
    for _ in range(rounds):
        found = [process.pid for process, _mark in marked(prefix) if _kill(process.pid)]
        if not found:
            break
        shot.update(found)
        time.sleep(0.002)
    return len(shot)


def _kill(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False
