"""How much memory an idle platform takes, and how soon it is there."""

from __future__ import annotations

import time

from benchmarks.connection import check, request, succeed
from benchmarks.house import House, create
from benchmarks.measures import Line, Target, absolute
from benchmarks.processes import Process

NAME = "footprint"
PROJECTS = ("hello",)
_STARTS, _PREDICTIONS, _SETTLE_S = 5, 300, 0.5
_MEMORY, _READY = Target("<=", 120.0), Target("<=", 2.0)


def measure(house: House) -> list[Line]:
    """Several starts on the same data directory; the last one also works a while."""
    fresh, ready = [], []
    for _ in range(_STARTS):
        with house.platform() as server:
            ready.append(server.ready_s)
            fresh.append(_idle(server))
    with house.platform() as server:
        connection = server.connect()
        asked = create("hello", '{"text":"you"}', "Prefer: wait")
        for _ in range(_PREDICTIONS):
            succeed(connection, lambda: asked)
        worked, _ = _idle(server)
    resident, proportional = zip(*fresh, strict=True)
    return [
        absolute("resident memory, idle after its start", resident, _MEMORY, "MB"),
        absolute("  proportional set size", proportional, None, "MB"),
        absolute(f"  resident after {_PREDICTIONS} predictions", [worked], _MEMORY, "MB"),
        absolute("ready on an existing data directory", ready, _READY, "s"),
    ]


def _idle(server: Process) -> tuple[float, float]:
    """Its memory when it has answered something and every loop has been round."""
    connection = server.connect()
    connection.ask(request("GET", "/v1/predictions"))
    check(connection)
    connection.close()
    time.sleep(_SETTLE_S)
    return server.memory()
