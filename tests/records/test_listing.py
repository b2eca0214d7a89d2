"""Lists of predictions, narrowed: the right ones, and by an index however many there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mainspring.core.ids import new_id, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.database.sqlite import SqliteDatabase
from mainspring.records.listing import Wanted
from mainspring.records.predictions import Predictions

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def make(predictions: Predictions, hours: int, **given: object) -> Prediction:
    at = START + timedelta(hours=hours)
    facts: dict[str, object] = {
        "account": "ada",
        "model": "ada/hello",
        "version": "v",
        "queue": "ada/hello:v",
        "source": "api",
        "status": Status.SUCCEEDED,
        "input": '{"a":1}',
        "output": '"b"',
        "logs": "c",
    }
    made = Prediction(id=new_id(at), created_at=rfc3339(at), **facts | given)  # type: ignore[arg-type]
    return await predictions.create(made)


@pytest.mark.parametrize(
    ("wanted", "hours"),
    [
        (Wanted(), [8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (Wanted(kind="training"), [9]),
        (Wanted(status=Status.SUCCEEDED), [7, 6, 5]),
        (Wanted(status=Status.STARTING), [0]),
        (Wanted(status=Status.PROCESSING), [1]),
        (Wanted(status=Status.FAILED), [8, 2]),
        (Wanted(status=Status.CANCELED), [3]),
        (Wanted(status=Status.ABORTED), [4]),
        (Wanted(model="ada/other"), [5]),
        (Wanted(deployment="ada/live"), [8, 6]),
        (Wanted(deployment="ada/live", status=Status.FAILED), [8]),
        (Wanted(source="web"), [7]),
        (Wanted(source="api", model="ada/hello", status=Status.SUCCEEDED), [6]),
        (Wanted(after=rfc3339(START + timedelta(hours=7))), [8, 7]),
        (Wanted(before=rfc3339(START + timedelta(hours=2))), [1, 0]),
        (Wanted(after="0001-01-01T00:00:00Z", before="9999-01-01T00:00:00Z", source="web"), [7]),
        (Wanted(model="ada/nothing"), []),
        (Wanted(token="t"), [8, 6]),
        (Wanted(token="t", model="ada/hello", status=Status.FAILED), [8]),
    ],
)
async def test_the_right_ones_newest_first(
    database: SqliteDatabase, wanted: Wanted, hours: Sequence[int]
) -> None:
    predictions = Predictions(database)
    for hour, status in enumerate(Status):
        if status is not Status.SUCCEEDED:
            await make(predictions, (0, 1, 9, 2, 3, 4)[hour], status=status)
    await make(predictions, 5, model="ada/other")
    await make(predictions, 6, deployment="ada/live", token="t")
    await make(predictions, 7, source="web")
    await make(predictions, 8, deployment="ada/live", status=Status.FAILED, token="t")
    await make(predictions, 9, kind="training")
    await make(predictions, 5, account="eve", token="t")
    found = await predictions.list("ada", None, 100, wanted)
    assert [one.created_at for one in found.items] == [rfc3339(START + timedelta(hours=h)) for h in hours]


async def test_brief_ones_are_without_what_can_be_long(database: SqliteDatabase) -> None:
    predictions = Predictions(database)
    made = [await make(predictions, 0), await make(predictions, 0, kind="training")]
    ((one,), (other,)) = [
        (await predictions.list("ada", None, 9, Wanted(kind=kind, brief=True))).items
        for kind in ("prediction", "training")
    ]
    assert (one.id, one.input, one.output, one.logs) == (made[0].id, "{}", None, "")
    assert (other.id, other.output, other.logs) == (made[1].id, '"b"', "")


@pytest.mark.parametrize("status", [None, *Status])
@pytest.mark.parametrize(
    "given", [{}, {"model": "a/b"}, {"deployment": "a/b"}, {"token": "t"}, {"source": "web"}, {"after": 1}]
)
async def test_no_list_reads_the_whole_table(
    database: SqliteDatabase, tmp_path: Path, status: Status | None, given: dict[str, str]
) -> None:
    if "after" in given:
        given = {"after": rfc3339(START)}
    steps = plan(tmp_path, Wanted(status=status, **given))
    scans = [step for step in steps if step.startswith("SCAN")]
    assert all("USING INDEX predictions_" in scan for scan in scans), scans


async def test_what_a_token_made_is_found_by_an_index(database: SqliteDatabase, tmp_path: Path) -> None:
    search = plan(tmp_path, Wanted(token="t"))[0]
    assert search == ("SEARCH predictions USING INDEX predictions_of_tokens (account=? AND token=? AND id<?)")


def plan(tmp_path: Path, wanted: Wanted) -> list[str]:
    params = {**wanted.params(), "account": "ada", "page_at": "9", "page_key": "", "page_size": 10}
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        return [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {wanted.keyset().older}", params)]
