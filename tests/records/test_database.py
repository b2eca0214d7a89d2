"""Reads that belong together see one state; a transaction is undone whole, alone in its group or not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from mainspring.database import Statement
from mainspring.database.sqlite import SqliteDatabase

COUNT = Statement("SELECT count(*) AS n FROM collections", {})
ADD = "INSERT INTO collections (slug, name, description, created_at) VALUES (:slug, 'n', 'd', '') RETURNING slug"


def add(slug: str) -> Statement:
    return Statement(ADD, {"slug": slug})


async def count(database: SqliteDatabase) -> int:
    return int((await database.fetch(COUNT.sql))[0]["n"])


async def test_what_is_read_together_is_of_one_moment(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def pause() -> int:
        reading.set()
        return int(go_on.wait(10))

    connect = SqliteDatabase._connect

    def with_pause(self: SqliteDatabase) -> sqlite3.Connection:
        connection = connect(self)
        connection.create_function("pause", 0, pause)
        return connection

    monkeypatch.setattr(SqliteDatabase, "_connect", with_pause)
    read = asyncio.create_task(database.fetch_together(COUNT, Statement("SELECT pause()", {}), COUNT))
    await asyncio.to_thread(reading.wait, 10)
    await database.write(add("one"))
    go_on.set()
    before, _, after = await read
    assert (before[0]["n"], after[0]["n"]) == (0, 0)
    assert await count(database) == 1


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "in a group"])
@pytest.mark.parametrize("fault", ["guard", "error"])
async def test_a_transaction_is_undone_whole_and_no_other(
    database: SqliteDatabase, others: int, fault: str
) -> None:
    nobody = Statement("UPDATE collections SET name = 'x' WHERE slug = 'none' RETURNING slug", {}, guard=True)
    broken = nobody if fault == "guard" else add("twin")
    undone, *done = await asyncio.gather(
        database.write(add("twin"), broken),
        *(database.write(add(f"other {n}"), add(f"and {n}")) for n in range(others)),
        return_exceptions=True,
    )
    assert isinstance(undone, sqlite3.Error) if fault == "error" else undone == [(), ()]
    assert all(len(rows) == 2 for rows in done)  # type: ignore[arg-type]
    assert await count(database) == 2 * others
    await database.write(add("twin"))
