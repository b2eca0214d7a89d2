"""The audit log in a real ledger: nothing is lost that happened, and nothing is told twice."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainspring.core.ids import new_id, parse_time, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.database import Database
from mainspring.records.accounts import Accounts
from mainspring.records.audit import Audit, Entry, Wanted, crossing, keyset
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


async def add(database: Database, at: datetime, **given: Any) -> None:
    audit, made = Audit(database), entry(at, **given)
    await audit.begin(made, at)


async def predicted(database: Database, at: datetime, *also: Entry, **given: Any) -> str:
    """A prediction of ada's, made at that time."""
    fields: dict[str, Any] = {
        "id": new_id(at),
        "account": "ada",
        "model": "acme/m",
        "version": "v",
        "queue": "acme/m:v",
        "source": "api",
        "status": Status.STARTING,
        "input": "{}",
        "created_at": rfc3339(at),
        "token": "t",
        "address": "10.0.0.1",
    }
    made = Prediction(**fields | given)
    crossed = [crossing(replace(one, object=made.id)) for one in also]
    await Predictions(database).create(made, also=crossed)
    return made.id


async def test_a_prediction_is_its_own_entry(database: Database) -> None:
    accounts = Accounts(database)
    await accounts.create_account("ada", "user", "Ada", NOW)
    token, _ = await accounts.create_token("ada", "laptop", now=NOW)
    made = await predicted(database, NOW, token=token.id, deployment="ada/live")
    await predicted(database, NOW, kind="training")
    (found,) = (await Audit(database).list(Wanted(account="ada"), None, 10)).items
    assert found == entry(id=made, token=token.id, object=made, operation="deployments.predictions.create")


async def test_what_uses_what_another_account_has_is_told_once_to_each(database: Database) -> None:
    audit, crossed = Audit(database), entry(owner="acme")
    made = await predicted(database, NOW, crossed)
    for wanted in (Wanted(account="ada"), Wanted(owner="acme"), Wanted()):
        assert [one.object for one in (await audit.list(wanted, None, 10)).items] == [made], wanted
    assert (await audit.list(Wanted(account="acme"), None, 10)).items == ()


async def test_lists_are_narrowed_paged_and_end_with_time(database: Database) -> None:
    audit = Audit(database)
    for number in range(6):
        at = NOW + timedelta(hours=number)
        if number % 2:
            await predicted(database, at, token="t1")
        else:
            await add(database, at, token="t0", object=str(number), operation="files.create")
    await add(database, NOW, account="bob", owner="ada", operation="models.update", object="ada/m")

    async def hours(**wanted: str) -> list[int]:
        found = (await audit.list(Wanted(**wanted), None, 100)).items
        return [(parse_time(one.at) - NOW) // timedelta(hours=1) for one in found]

    assert await hours(account="ada") == [5, 4, 3, 2, 1, 0]
    assert await hours(account="ada", token="t1") == [5, 3, 1]
    assert await hours(account="ada", operation="files.create") == [4, 2, 0]
    assert await hours(owner="ada") == [0]
    since, until = (rfc3339(NOW + timedelta(hours=number)) for number in (1, 3))
    assert await hours(account="ada", since=since, until=until) == [2, 1]
    first = await audit.list(Wanted(account="ada"), None, 4)
    assert first.next
    rest = await audit.list(Wanted(account="ada"), ("n", first.next.partition("=")[2]), 4)
    assert [one.at for one in (*first.items, *rest.items)] == sorted(
        {one.at for one in (*first.items, *rest.items)}, reverse=True
    )
    assert len(first.items) + len(rest.items) == 6
    await audit.sweep(NOW + timedelta(hours=3))
    assert await hours(account="ada") == [5, 4, 3, 1]


@pytest.mark.parametrize("wanted", [Wanted(account="a"), Wanted(owner="a"), Wanted()])
async def test_lists_read_no_more_than_they_show(database: Database, wanted: Wanted) -> None:
    given = {"account": "a", "owner": "a", "page_at": "z", "page_key": "z", "page_size": 9}
    rows = await database.fetch(f"EXPLAIN QUERY PLAN {keyset(wanted).older}", given)
    plan = [row["detail"] for row in rows]
    searched = [step for step in plan if re.match(r"SEARCH (audit|p) USING (INDEX|PRIMARY KEY) .*id<", step)]
    assert len(searched) == (1 if wanted.owner else 2), plan
    # Only the pages of the sources are sorted, not what they are taken from.
    assert sum("TEMP B-TREE" in step for step in plan) <= 1, plan
    assert not [step for step in plan if re.match(r"SCAN (audit|p)\b", step)], plan
