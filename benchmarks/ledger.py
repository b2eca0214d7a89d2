"""Creating and listing with many predictions in the ledger, against few."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from benchmarks.connection import Broken, Connection, check, request, succeed
from benchmarks.house import House, create
from benchmarks.measures import Line, Target, p50, ratio
from mainspring.core.ids import new_id, rfc3339

NAME = "ledger"
PROJECTS = ("hello",)
_MANY, _PAGE = 200_000, 100
_ROUNDS, _CREATES, _LISTS = 8, 40, 10
_INPUT = '{"text":"you"}'
_LIST = request("GET", "/v1/predictions")
_TARGET = Target("<=", 1.3)


class _Prediction(msgspec.Struct):
    id: str
    status: str


class _Page(msgspec.Struct):
    results: list[_Prediction]


def measure(house: House) -> list[Line]:
    """Two servers on copies of the data directory; both have a full page of predictions made just now."""
    with house.platform() as server:
        asked = create("hello", _INPUT, "Prefer: wait")
        succeed(server.connect(), lambda: asked)
    full, empty = house.copy("full"), house.copy("empty")
    _fill(full / "ledger.sqlite")
    with house.platform(full) as many, house.platform(empty) as few:
        ways = many.connect(), few.connect()
        for connection in ways:
            for _ in range(_PAGE):
                succeed(connection, lambda: asked)
        created = [tuple(_create(connection) for connection in ways) for _ in range(_ROUNDS + 1)]
        listed = [tuple(_list(connection) for connection in ways) for _ in range(_ROUNDS + 1)]
    lines = []
    for name, rounds in ("create", created), ("list", listed):
        with_many, with_few = zip(*rounds[1:], strict=True)
        lines.append(ratio(f"{name}, {_MANY:,} predictions against few", with_many, with_few, _TARGET, "ms"))
    return lines


def _create(connection: Connection) -> float:
    """p50 in ms of requests that do not wait; afterwards it waits until all have run."""
    asked = create("hello", _INPUT)
    took = []
    for _ in range(_CREATES):
        began = time.perf_counter()
        connection.ask(asked)
        took.append((time.perf_counter() - began) * 1e3)
        check(connection)
    limit = time.monotonic() + 30
    while any(p.status in ("starting", "processing") for p in _newest(connection)):
        if time.monotonic() > limit:
            raise Broken("predictions did not end within 30 s")
        time.sleep(0.02)
    return p50(took)


def _list(connection: Connection) -> float:
    took = []
    for _ in range(_LISTS):
        began = time.perf_counter()
        connection.ask(_LIST)
        took.append((time.perf_counter() - began) * 1e3)
    if len(_newest(connection)) != _PAGE:
        raise Broken("the page is not full")
    return p50(took)


def _newest(connection: Connection) -> list[_Prediction]:
    body = connection.ask(_LIST)
    check(connection)
    return msgspec.json.decode(body, type=_Page).results


def _fill(ledger: Path) -> None:
    """Many copies of the one prediction that is there, with ids and times of the days before.

    They keep their data: erasing that of so many at once is not what is measured.
    """
    with closing(sqlite3.connect(ledger)) as database, database:
        database.row_factory = sqlite3.Row
        template = dict(database.execute("SELECT * FROM predictions WHERE status = 'succeeded'").fetchone())
        columns = ", ".join(template)
        places = ", ".join(f":{column}" for column in template)
        database.executemany(f"INSERT INTO predictions ({columns}) VALUES ({places})", _copies(template))


def _copies(template: dict[str, object]) -> Iterator[dict[str, object]]:
    first = datetime.now(UTC) - timedelta(days=7)
    for number in range(_MANY):
        at = first + timedelta(seconds=number)
        times = dict.fromkeys(("created_at", "started_at", "completed_at"), rfc3339(at))
        yield {**template, **times, "id": new_id(at), "keep_s": None}
