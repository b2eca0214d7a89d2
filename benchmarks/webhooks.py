"""How many predictions a second come through when each of them tells a webhook, and how soon the last one is told."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.connection import LIMIT_S, Broken, Connection, load, request
from benchmarks.house import OWNER, House, create
from benchmarks.measures import Line, Target, absolute, ratio
from benchmarks.projects import SLOTS

NAME = "webhooks"
PROJECTS = ("slots",)
_ROUNDS, _SECONDS = 15, 1.0
_INPUT = '{"text":"you"}'


def measure(house: House) -> list[Line]:
    """The same platform without and with a webhook on every prediction, in turns."""
    with house.platform(webhook_hosts="localhost") as server, _receiver() as port:
        counter = Connection(port)
        connections = [server.connect() for _ in range(SLOTS)]
        without, told = create("slots", _INPUT, "Prefer: wait"), _create_and_tell(port)
        rates: list[tuple[float, float]] = []
        late: list[float] = []
        for number in range(_ROUNDS + 1):
            plain = load(connections, lambda: without, _SECONDS) if number % 2 else 0.0
            rate, made = _count(connections, told)
            late.append(_wait_until_told(counter, made))
            rates.append((plain or load(connections, lambda: without, _SECONDS), rate))
    plain_rates, told_rates = zip(*rates[1:], strict=True)
    return [
        ratio("throughput with webhooks", told_rates, plain_rates, Target(">=", 0.9), "/s"),
        absolute("last webhook after the load", late[1:], None, "ms"),
    ]


def _create_and_tell(port: int) -> bytes:
    body = f'{{"input":{_INPUT},"webhook":"http://127.0.0.1:{port}/hook"}}'
    return request("POST", f"/v1/models/{OWNER}/slots/predictions", body.encode(), "Prefer: wait")


_made = 0


def _count(connections: Sequence[Connection], asked: bytes) -> tuple[float, int]:
    """(predictions a second, how many there were of these in all rounds)."""

    def make() -> bytes:
        global _made
        _made += 1
        return asked

    return load(connections, make, _SECONDS), _made


def _wait_until_told(counter: Connection, made: int) -> float:
    """Milliseconds until the receiver has heard of every prediction."""
    began = time.perf_counter()
    while int(counter.ask(request("GET", "/"))) != made:
        if time.perf_counter() - began > LIMIT_S:
            raise Broken(f"webhooks were lost: {counter.body!r} of {made} came")
        time.sleep(0.001)
    return (time.perf_counter() - began) * 1000


@contextmanager
def _receiver() -> Iterator[int]:
    """A receiver in a process of its own; its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.receiver"], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            yield int(child.stdout.readline())
        finally:
            child.terminate()
