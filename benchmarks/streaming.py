"""How much later the first token comes than from bare coglet, and how many tokens a second come through."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import msgspec

from benchmarks.connection import RETRY_S, Broken, Connection, check, request
from benchmarks.house import House, create
from benchmarks.measures import Line, Target, absolute, added, p50
from benchmarks.processes import bare_requests

NAME = "streaming"
PROJECTS = ("tokens",)
_ROUNDS, _EACH, _FEW = 9, 30, 3
_FLOODS, _MANY = 5, 20_000
_TOKEN = b"event: output\n"
_SSE = "Accept: text/event-stream"


class _Urls(msgspec.Struct):
    stream: str


class _Created(msgspec.Struct):
    urls: _Urls


def measure(house: House) -> list[Line]:
    """A few tokens many times, then many tokens a few times, bare and platform in turns."""
    with house.coglet("tokens") as bare, house.platform() as server:
        to_bare, to_server, reader = bare.connect(), server.connect(), server.connect()

        def firsts() -> tuple[float, float]:
            direct = [_bare(to_bare, _FEW)[0] * 1e3 for _ in range(_EACH)]
            relayed = [_platform(to_server, reader, _FEW)[0] * 1e3 for _ in range(_EACH)]
            return p50(direct), p50(relayed)

        first = [firsts() for _ in range(_ROUNDS + 1)][1:]
        floods = [
            (_MANY / _bare(to_bare, _MANY)[1], _MANY / _platform(to_server, reader, _MANY)[1])
            for _ in range(_FLOODS)
        ]
    bare_ms, server_ms = zip(*first, strict=True)
    bare_rate, server_rate = zip(*floods, strict=True)
    return [
        added("first token, p50 added", server_ms, bare_ms, Target("<=", 3.0)),
        absolute(f"tokens relayed, {_MANY:,} of them", server_rate, Target(">=", 8000), "/s", bare_rate),
    ]


def _bare(connection: Connection, count: int) -> tuple[float, float]:
    """Seconds until the first token and until the end."""
    make = bare_requests(f'{{"count":{count}}}', _SSE)
    began = time.perf_counter()
    connection.send(make())
    connection.wait_for_status()
    while connection.status == 409:
        connection.rest()
        time.sleep(RETRY_S)
        connection.send(make())
        connection.wait_for_status()
    return _read(connection, began, count, b"event: completed")


def _platform(connection: Connection, reader: Connection, count: int) -> tuple[float, float]:
    """The same through the platform: create, then read the stream that the reply names."""
    asked = create("tokens", f'{{"count":{count}}}')
    began = time.perf_counter()
    created = msgspec.json.decode(connection.ask(asked), type=_Created)
    check(connection)
    reader.send(request("GET", urlsplit(created.urls.stream).path, b"", _SSE))
    return _read(reader, began, count, b"event: done")


def _read(connection: Connection, began: float, count: int, last: bytes) -> tuple[float, float]:
    first = connection.until(_TOKEN)
    body = connection.rest()
    ended = time.perf_counter()
    if body.count(_TOKEN) != count or last not in body:
        raise Broken(f"{body.count(_TOKEN)} of {count} tokens came; the end was {body[-300:]!r}")
    return first - began, ended - began
