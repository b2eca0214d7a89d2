"""What one synchronous prediction takes longer than bare coglet, with one connection."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.connection import succeed
from benchmarks.house import House, create
from benchmarks.measures import Line, Target, added, p50
from benchmarks.processes import bare_requests

NAME = "sync"
PROJECTS = ("hello",)
_ROUNDS, _EACH = 12, 100
_INPUT = '{"text":"you"}'


def measure(house: House) -> list[Line]:
    """Bare, platform and platform with `durable`, in turns."""
    with ExitStack() as stack:
        asked = create("hello", _INPUT, "Prefer: wait")
        copied = house.copy("durable")
        bare = stack.enter_context(house.coglet("hello")).connect()
        plain = stack.enter_context(house.platform()).connect()
        durable = stack.enter_context(house.platform(copied, durable="true")).connect()
        ways = ((bare, bare_requests(_INPUT)), (plain, lambda: asked), (durable, lambda: asked))
        rounds = [
            [p50([succeed(connection, make) * 1e3 for _ in range(_EACH)]) for connection, make in ways]
            for _ in range(_ROUNDS + 1)
        ]
    bare_ms, plain_ms, durable_ms = zip(*rounds[1:], strict=True)
    return [
        added("sync prediction, p50 added", plain_ms, bare_ms, Target("<=", 2.0)),
        added("  with durable = true", durable_ms, bare_ms, None),
    ]
