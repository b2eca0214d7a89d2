"""A request that a stored result answers, against the same that has to run."""

from __future__ import annotations

import json

from benchmarks.connection import Connection, check, request, succeed
from benchmarks.house import OWNER, House, create
from benchmarks.measures import Line, Target, absolute, p50

NAME = "cache"
PROJECTS = ("hello",)
_ROUNDS, _PER_ROUND, _WARM_UP = 7, 60, 20


def measure(house: House) -> list[Line]:
    """One connection; a round asks what is stored, then what was never asked before."""
    with house.platform() as server:
        connection = server.connect()
        _declare(connection, deterministic=True)
        try:
            stored = create("hello", '{"text":"stored"}', "Prefer: wait", "Cache-Control: max-age=600")
            for _ in range(_WARM_UP):
                succeed(connection, lambda: stored)
            rounds = [(_hits(connection, stored), _runs(connection, number)) for number in range(_ROUNDS)]
        finally:
            _declare(connection, deterministic=False)
    hits, runs = zip(*rounds, strict=True)
    return [absolute("answer from the store, p50; a run beside it", hits, Target("<=", 3.0), "ms", bare=runs)]


def _hits(connection: Connection, stored: bytes) -> float:
    took = []
    for _ in range(_PER_ROUND):
        took.append(succeed(connection, lambda: stored) * 1e3)
        check(connection, b'"cached":true')
    return p50(took)


def _runs(connection: Connection, number: int) -> float:
    took = []
    for each in range(_PER_ROUND):
        fresh = create("hello", f'{{"text":"{number} {each}"}}', "Prefer: wait", "Cache-Control: max-age=600")
        took.append(succeed(connection, lambda asked=fresh: asked) * 1e3)  # type: ignore[misc]
        assert b'"cached"' not in connection.body
    return p50(took)


def _declare(connection: Connection, *, deterministic: bool) -> None:
    body = json.dumps({"cache": {"deterministic": deterministic}}).encode()
    connection.ask(request("PATCH", f"/v1/models/{OWNER}/hello", body))
    check(connection)
