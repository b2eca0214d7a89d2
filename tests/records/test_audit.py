"""The audit log in a real ledger: nothing is lost that happened, and nothing is told twice."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainspring.core.ids import new_id, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.database import Database
from mainspring.records.accounts import Accounts
from mainspring.records.audit import Audit, Entry, Wanted
from mainspring.records.predictions import Predictions

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def entry(at: datetime = NOW, **given: Any) -> Entry:
    fields: dict[str, Any] = {
        "at": rfc3339(at),
        "account": "ada",
        "token": "t",
        "token_name": "laptop",
        "owner": "ada",
        "operation": "predictions.create",
        "object": "p",
        "source": "api",
        "address": "10.0.0.1",
        "status": 201,
    }
    return Entry(**fields | given)


async def test_what_is_begun_is_there_before_it_ends(database: Database) -> None:
    audit = Audit(database)
    begun = await audit.begin(entry(operation="models.push", status=None, object="acme/m"), NOW)
    (found,) = (await audit.list(Wanted(account="ada"), None, 10)).items
    assert found == begun
    assert found.status is None
    await audit.end(
        Entry(**{**{f: getattr(begun, f) for f in Entry.__slots__}, "status": 200, "owner": "acme"})
    )
    (found,) = (await audit.list(Wanted(account="ada"), None, 10)).items
    assert (found.status, found.owner, found.address) == (200, "acme", "10.0.0.1")


async def test_what_is_gathered_is_written_once_and_kept_when_it_cant_be(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(database)
    for number in range(1_100):
        audit.gather(entry(NOW + timedelta(milliseconds=number), object=str(number)))
    write = database.write

    async def full(*statements: Any) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database, "write", full)
    with pytest.raises(sqlite3.Error):
        await audit.flush()
    monkeypatch.setattr(database, "write", write)
    assert await audit.flush() == 1_100
    assert await audit.flush() == 0
    rows = await database.fetch("SELECT object FROM audit ORDER BY id")
    assert [row["object"] for row in rows] == [str(number) for number in range(1_100)]


async def test_creates_that_a_killed_process_did_not_write_are_made_up_after_the_next_start(
    database: Database,
) -> None:
    accounts, predictions = Accounts(database), Predictions(database)
    await accounts.create_account("ada", "user", "Ada", NOW)
    token, _ = await accounts.create_token("ada", "laptop", now=NOW)
    killed, ids = Audit(database), [new_id(NOW + timedelta(seconds=n)) for n in range(3)]
    for number, prediction_id in enumerate(ids):
        at = NOW + timedelta(seconds=number)
        made = Prediction(
            id=prediction_id,
            account="ada",
            model="acme/m",
            version="v",
            queue="acme/m:v",
            source="api",
            status=Status.STARTING,
            input="{}",
            created_at=rfc3339(at),
            token=token.id,
            deployment="acme/live" if number == 2 else None,
        )
        await predictions.create(made)
        killed.gather(entry(at, token=token.id, object=prediction_id))
        if number == 0:
            await killed.flush()
    audit = Audit(database)
    assert await audit.make_up(NOW + timedelta(minutes=5)) == 2
    assert await audit.make_up(NOW + timedelta(minutes=5)) == 0
    found = (await audit.list(Wanted(account="ada"), None, 10)).items
    assert [one.object for one in found] == ids[::-1]
    newest, middle, oldest = found
    assert (oldest.address, middle.address, middle.token_name) == ("10.0.0.1", None, "laptop")
    assert (newest.operation, newest.owner) == ("deployments.predictions.create", "acme")


async def test_lists_are_narrowed_paged_and_end_with_time(database: Database) -> None:
    audit = Audit(database)
    for number in range(5):
        at = NOW + timedelta(hours=number)
        audit.gather(entry(at, token=f"t{number % 2}", object=str(number)))
    audit.gather(entry(NOW, account="bob", owner="ada", operation="models.update", object="ada/m"))

    async def objects(**wanted: str) -> list[str]:
        return [one.object for one in (await audit.list(Wanted(**wanted), None, 100)).items]

    assert await objects(account="ada") == ["4", "3", "2", "1", "0"]
    assert await objects(account="ada", token="t1") == ["3", "1"]
    assert await objects(owner="ada") == ["ada/m"]
    assert await objects(operation="models.update") == ["ada/m"]
    assert await objects(
        account="ada", since=rfc3339(NOW + timedelta(hours=1)), until=rfc3339(NOW + timedelta(hours=3))
    ) == ["2", "1"]
    first = await audit.list(Wanted(account="ada"), None, 3)
    assert first.next
    rest = await audit.list(Wanted(account="ada"), ("n", first.next.partition("=")[2]), 3)
    assert [one.object for one in (*first.items, *rest.items)] == ["4", "3", "2", "1", "0"]
    await audit.sweep(NOW + timedelta(hours=3))
    assert await objects() == ["4", "3"]


async def test_lists_of_an_account_are_answered_by_an_index(database: Database) -> None:
    for term in ("account = 'a'", "owner = 'a' AND owner <> account"):
        sql = f"EXPLAIN QUERY PLAN SELECT * FROM audit WHERE {term} AND id < 'z' ORDER BY id DESC LIMIT 9"
        plan = " ".join(row["detail"] for row in await database.fetch(sql))
        assert "USING INDEX audit_" in plan, plan
        assert "TEMP B-TREE" not in plan, plan
