"""Which processes run on this machine and what they hold in memory, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """session: pid that leads it, which for an instance is the instance's; memory: resident bytes."""

    pid: int
    session: int
    memory: int


def processes() -> Iterator[Process]:
    """All that can be seen; none where there is no /proc."""
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                line = file.read()
        except OSError:
            continue
        values = line[line.rindex(b")") + 2 :].split()
        yield Process(int(name), int(values[3]), int(values[21]) * _PAGE)
