"""From a request for a model that runs nowhere to its result, against the start of bare coglet."""

from __future__ import annotations

import time

from benchmarks.connection import succeed
from benchmarks.house import House, create
from benchmarks.measures import Line, Target, ratio
from benchmarks.processes import Process, bare_requests, wait_until_childless, wait_until_coglet_is_ready

NAME = "cold"
_TIMES = 6
PROJECTS = ("hello", *(f"hello-{number}" for number in range(_TIMES)))
_INPUT = '{"text":"you"}'


def measure(house: House) -> list[Line]:
    """Each model is called for the first time, when no instance of any other is left."""
    with house.platform(idle_timeout_s=0.3) as server:
        rounds = [_round(house, server, name, number) for number, name in enumerate(PROJECTS)][1:]
    platform_ms, bare_ms = zip(*rounds, strict=True)
    return [ratio("cold boot of hello, request to result", platform_ms, bare_ms, Target("<=", 1.3), "ms")]


def _round(house: House, server: Process, name: str, number: int) -> tuple[float, float]:
    """(platform, bare) in ms; who is first changes."""
    if number % 2:
        bare = _bare(house, name)
        return _platform(server, name), bare
    return _platform(server, name), _bare(house, name)


def _platform(server: Process, name: str) -> float:
    connection = server.connect()
    asked = create(name, _INPUT, "Prefer: wait")
    took = succeed(connection, lambda: asked)
    connection.close()
    wait_until_childless(server)
    return took * 1e3


def _bare(house: House, name: str) -> float:
    """From its start to the result of its first prediction."""
    with house.coglet(name, ready=False) as bare:
        wait_until_coglet_is_ready(bare)
        succeed(bare.connect(), bare_requests(_INPUT))
        return (time.perf_counter() - bare.began) * 1e3
