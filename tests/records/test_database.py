"""Reads that belong together see one state; a transaction is undone whole, alone in its group or not."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

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


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """As by `BEGIN IMMEDIATE` in another process."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture(params=[False, True], ids=["in the loop", "durable"])
async def either(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "ledger.db", durable=request.param)
    yield opened
    await opened.close()


async def slugs(database: SqliteDatabase) -> list[str]:
    """In the order in which they were written."""
    return [row["slug"] for row in await database.fetch("SELECT slug FROM collections ORDER BY rowid")]


async def test_what_comes_while_another_process_writes_is_written_later_in_its_order(
    either: SqliteDatabase, tmp_path: Path
) -> None:
    await either.write(add("first"))
    nobody = Statement("UPDATE collections SET name = 'x' WHERE slug = 'none' RETURNING slug", {}, guard=True)
    writing: list[asyncio.Task[object]] = []
    with held(tmp_path / "ledger.db"):
        for number in range(700):
            guarded = (nobody, add(f"undone {number}")) if number % 5 == 0 else (add(f"{number:03}"),)
            writing.append(asyncio.create_task(either.write(*guarded)))
            if number % 7 == 0:
                await asyncio.sleep(0)
        assert await slugs(either) == ["first"]
        assert not any(task.done() for task in writing)
    results = await asyncio.gather(*writing)
    numbers = [number for number in range(700) if number % 5]
    assert [results[number] for number in range(0, 700, 5)] == [[(), ()]] * 140
    await either.write(add("last"))
    assert await slugs(either) == ["first", *(f"{number:03}" for number in numbers), "last"]


async def test_the_loop_writes_by_itself_again_after_the_other_process(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    for number in range(3):
        with held(tmp_path / "ledger.db"):
            writing = asyncio.create_task(database.write(add(f"waits {number}")))
            assert await count(database) == 2 * number
        await writing
        at_once = asyncio.create_task(database.write(add(f"at once {number}")))
        for _ in range(3):
            await asyncio.sleep(0)
        assert at_once.done()


async def test_who_waits_too_long_for_another_process_is_told_and_nothing_is_written_later(
    either: SqliteDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("mainspring.database.sqlite._PATIENCE_S", 0.3)
    monkeypatch.setattr("mainspring.database.sqlite._TELL_AFTER_S", 0.1)
    with held(tmp_path / "ledger.db"):
        early = [asyncio.create_task(either.write(add(f"early {n}"))) for n in range(3)]
        await asyncio.wait(early)
        assert all(isinstance(task.exception(), sqlite3.OperationalError) for task in early)
        late = asyncio.create_task(either.write(add("late")))
        assert await count(either) == 0
    await late
    assert await slugs(either) == ["late"]
    assert either.committed == 1
    assert 1 <= either.uncommitted <= 3
    await either.write(add("early 0"))
    told = [record.message for record in caplog.records if "ledger" in record.message]
    assert told[0] == "another process holds the ledger; what is to be written waits for it"
    assert "can be written again, after 0." in told[1]


async def test_what_waits_for_another_process_is_written_before_the_ledger_closes(
    either: SqliteDatabase, tmp_path: Path
) -> None:
    with held(tmp_path / "ledger.db"):
        writing = asyncio.create_task(either.write(add("one")))
        assert await count(either) == 0
        closing = asyncio.create_task(either.close())
        await asyncio.sleep(0)
    await closing
    await writing
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as left:
        assert left.execute("SELECT slug FROM collections").fetchall() == [("one",)]


async def test_a_value_that_can_not_be_stored_holds_up_nobody(either: SqliteDatabase) -> None:
    other = asyncio.create_task(either.write(add("other")))
    with pytest.raises(OverflowError):
        await either.write(Statement("SELECT :n", {"n": 1 << 70}))
    await other
    assert await slugs(either) == ["other"]
