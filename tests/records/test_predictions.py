"""Predictions in a real ledger: claims are unique, tokens fence, terminal is terminal."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.database.sqlite import SqliteDatabase
from mainspring.records.instances import Instance, Instances
from mainspring.records.listing import Wanted
from mainspring.records.predictions import Predictions
from mainspring.records.progress import Note, Progress

NOW = "2026-01-01T00:00:00.000000Z"
DONE = Outcome(status=Status.SUCCEEDED, output='"x"', logs="said", metrics="{}")


def new(number: int, **changes: object) -> Prediction:
    made = Prediction(
        id=f"{number:026}",
        account="me",
        model="me/m",
        version="v",
        queue="me/m:v",
        source="api",
        status=Status.STARTING,
        input="{}",
        created_at=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture(params=[False, True], ids=["in the loop", "durable"])
async def database(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "ledger.sqlite", durable=request.param)
    yield opened
    await opened.close()


@pytest.fixture
def predictions(database: SqliteDatabase) -> Predictions:
    return Predictions(database)


@pytest.fixture
def progress(database: SqliteDatabase) -> Progress:
    return Progress(database)


@pytest.fixture
async def instances(database: SqliteDatabase) -> Instances:
    found = Instances(database)
    for name in ("one", "two"):
        given = {"queue": "me/m:v", "model": "me/m", "version": "v", "state": "booting"}
        await found.add(
            Instance(id=name, **given, devices=(), memory=1, slots=1, created_at=NOW, last_used_at=NOW)
        )
        await found.ready(name, "", NOW)
    return found


async def test_a_prediction_is_claimed_once(predictions: Predictions, instances: Instances) -> None:
    for number in range(50):
        await predictions.create(new(number))
    claims = await asyncio.gather(
        *(predictions.claim("me/m:v", name, 3, NOW) for _ in range(20) for name in ("one", "two"))
    )
    claimed = [p.id for batch in claims for p in batch]
    assert sorted(claimed) == [f"{n:026}" for n in range(50)]
    assert all(batch == sorted(batch, key=lambda p: p.id) for batch in claims)


async def test_only_a_ready_instance_claims(predictions: Predictions, instances: Instances) -> None:
    await predictions.create(new(1))
    assert await instances.stop("one", "idle")
    assert await predictions.claim("me/m:v", "one", 1, NOW) == []
    assert len(await predictions.claim("me/m:v", "two", 1, NOW)) == 1
    assert not await instances.stop("two", "idle"), "it runs something"


async def test_the_end_is_written_once_and_by_its_owner(
    predictions: Predictions, instances: Instances
) -> None:
    await predictions.create(new(1))
    (claimed,) = await predictions.claim("me/m:v", "one", 1, NOW)
    assert (claimed.status, claimed.attempt, claimed.started_at) == (Status.PROCESSING, 1, NOW)
    stale = replace(claimed, attempt=0)
    assert await predictions.finish(stale, DONE, NOW) is None
    assert (await predictions.finish(claimed, DONE, NOW)).output == '"x"'  # type: ignore[union-attr]
    failed = Outcome(status=Status.FAILED, error="late")
    assert await predictions.finish(claimed, failed, NOW) is None
    assert await predictions.end_waiting(claimed.id, Status.CANCELED, NOW) is None
    kept = await predictions.get(claimed.id)
    assert kept is not None
    assert (kept.status, kept.output, kept.error) == (Status.SUCCEEDED, '"x"', None)


async def test_a_lost_instance_gives_its_work_back_while_attempts_remain(
    predictions: Predictions, instances: Instances, progress: Progress
) -> None:
    await predictions.create(new(1, secrets="sealed"))
    for attempt in (1, 2):
        (claimed,) = await predictions.claim("me/m:v", "one", 1, NOW)
        assert claimed.attempt == attempt
        await progress.say([Note(claimed, [b"1"], ["a"])], 1, NOW)
        again, ended = await predictions.lose_instance("one", 3, "lost", NOW)
        assert ([p.status for p in again], ended) == ([Status.STARTING], [])
        assert await progress.said(claimed.id, attempt) == []
    await predictions.claim("me/m:v", "one", 1, NOW)
    again, ended = await predictions.lose_instance("one", 3, "lost", NOW)
    assert (again, [(p.status, p.error, p.secrets) for p in ended]) == ([], [(Status.FAILED, "lost", None)])


async def test_a_canceled_run_on_a_lost_instance_is_canceled(
    predictions: Predictions, instances: Instances
) -> None:
    await predictions.create(new(1))
    await predictions.claim("me/m:v", "one", 1, NOW)
    assert await predictions.ask_cancel(new(1).id, NOW) is not None
    assert await predictions.ask_cancel(new(1).id, NOW) is None
    assert await predictions.canceling() == [new(1).id]
    again, ended = await predictions.lose_instance("one", 3, "lost", NOW)
    assert (again, [(p.status, p.error) for p in ended]) == ([], [(Status.CANCELED, None)])


async def test_what_was_said_after_the_end_is_not_kept(
    predictions: Predictions, instances: Instances, progress: Progress
) -> None:
    await predictions.create(new(1))
    (claimed,) = await predictions.claim("me/m:v", "one", 1, NOW)
    await progress.say([Note(claimed, [b"1", b"2"], ["a"])], 1, NOW)
    await progress.say([Note(claimed, [b"3"], ["a"])], 2, NOW)
    assert await progress.said(claimed.id, 1) == [("[1,2]", "a"), ("[3]", "a")]
    await predictions.finish(claimed, DONE, NOW)
    await progress.say([Note(claimed, [b"4"], ["a"])], 3, NOW)
    assert await progress.said(claimed.id, 1) == []


async def test_pages_go_both_ways(predictions: Predictions) -> None:
    for number in range(7):
        await predictions.create(new(number))
    await predictions.create(new(99, account="other"))
    first = await predictions.list("me", None, 3, Wanted())
    assert [p.id[-1] for p in first.items] == ["6", "5", "4"]
    assert first.previous is None
    assert first.next is not None
    second = await predictions.list("me", ("n", first.next[2:]), 3, Wanted())
    assert [p.id[-1] for p in second.items] == ["3", "2", "1"]
    assert second.previous is not None
    back = await predictions.list("me", ("p", second.previous[2:]), 3, Wanted())
    assert [p.id for p in back.items] == [p.id for p in first.items]


async def test_lines_and_deadlines(predictions: Predictions, instances: Instances) -> None:
    await predictions.create(new(1, deadline="2026-01-01T00:00:05.000000Z"))
    await predictions.create(new(2, created_at="2026-01-01T00:00:01.000000Z"))
    lines = await predictions.lines()
    assert (lines["me/m:v"].waiting, lines["me/m:v"].oldest) == (2, NOW)
    assert await predictions.due("2026-01-01T00:00:04.000000Z") == []
    assert [p.id for p in await predictions.due("2026-01-01T00:00:05.000000Z")] == [new(1).id]
    await predictions.claim("me/m:v", "one", 9, NOW)
    assert await predictions.lines() == {}
    assert await predictions.running() == {"one": 2}


async def test_a_create_claims_for_a_ready_instance_only(
    predictions: Predictions, instances: Instances
) -> None:
    taken = await predictions.create(new(1), "one")
    assert (taken.status, taken.instance_id, taken.attempt) == (Status.PROCESSING, "one", 1)
    assert await predictions.get(taken.id) == taken
    assert not await instances.stop("one", "idle"), "it runs something"
    assert await instances.stop("two", "idle")
    waits = await predictions.create(new(2), "two")
    assert (waits.status, waits.instance_id) == (Status.STARTING, None)
    assert await predictions.get(waits.id) == waits


async def test_one_broken_transaction_of_a_group_does_not_harm_the_others(
    database: SqliteDatabase, predictions: Predictions
) -> None:
    await predictions.create(new(1))
    results = await asyncio.gather(
        predictions.create(new(2)),
        predictions.create(new(1)),
        predictions.create(new(3)),
        return_exceptions=True,
    )
    assert [isinstance(r, sqlite3.IntegrityError) for r in results] == [False, True, False]
    assert [await predictions.get(new(n).id) is not None for n in (1, 2, 3)] == [True, True, True]


async def test_what_was_handed_in_is_committed_before_the_ledger_closes(tmp_path: Path) -> None:
    for durable in (False, True):
        path = tmp_path / f"{durable}.sqlite"
        database = SqliteDatabase(path, durable=durable)
        writing = asyncio.create_task(Predictions(database).create(new(1)))
        await asyncio.sleep(0)
        await database.close()
        await writing
        again = SqliteDatabase(path)
        assert await Predictions(again).get(new(1).id) is not None
        await again.close()
