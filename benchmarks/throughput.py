"""How many predictions a second come through at 16 connections, for an async model with 16 slots."""

from __future__ import annotations

from benchmarks.connection import load
from benchmarks.house import House, create
from benchmarks.measures import Line, Target, ratio
from benchmarks.processes import bare_requests
from benchmarks.projects import SLOTS

NAME = "throughput"
PROJECTS = ("slots",)
_ROUNDS, _SECONDS = 7, 1.5
_INPUT = '{"text":"you"}'


def measure(house: House) -> list[Line]:
    """Bare and platform in turns, one instance each."""
    asked, make_bare = create("slots", _INPUT, "Prefer: wait"), bare_requests(_INPUT)
    with house.coglet("slots") as bare, house.platform() as server:
        to_bare = [bare.connect() for _ in range(SLOTS)]
        to_server = [server.connect() for _ in range(SLOTS)]
        rounds = [
            (load(to_bare, make_bare, _SECONDS), load(to_server, lambda: asked, _SECONDS))
            for _ in range(_ROUNDS + 1)
        ]
    bare_rate, server_rate = zip(*rounds[1:], strict=True)
    return [ratio(f"throughput at {SLOTS} connections", server_rate, bare_rate, Target(">=", 0.6), "/s")]
