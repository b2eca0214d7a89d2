"""The treasurer warns once in a period, stops what runs if it may, and settles what idles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.egress import Egress
from mainspring.core.ids import new_id, rfc3339
from mainspring.core.prediction import Outcome, Prediction, Status
from mainspring.database.hints import Hints
from mainspring.database.sqlite import SqliteDatabase
from mainspring.records.feed import Feed
from mainspring.records.instances import Instance, Instances
from mainspring.records.metering import Metering
from mainspring.records.predictions import Predictions
from mainspring.records.signing import Signing
from mainspring.records.spending import Limit, Spending
from mainspring.records.usage import UsageBook
from mainspring.records.vault import Vault
from mainspring.services.treasurer import Treasurer
from tests.services.receiver import Receiver, answer

CENT_A_SECOND = 10_000_000


class Till:
    """A ledger with one instance of acme's, and a clock that stands still."""

    def __init__(self, root: Path) -> None:
        self.moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
        self.database = SqliteDatabase(root / "ledger.db")
        self.predictions, self.instances = Predictions(self.database), Instances(self.database)
        self.spending, self.usage = Spending(self.database), UsageBook(self.database)
        self.vault, self.feed = Vault(root / "key"), Feed()

    def treasurer(self, **more: Any) -> Treasurer:
        return Treasurer(
            hints=Hints(),
            feed=self.feed,
            spending=self.spending,
            metering=Metering(self.database),
            predictions=self.predictions,
            signing=Signing(self.database, self.vault),
            egress=Egress.naming("localhost"),
            now=lambda: self.moment,
            **more,
        )

    @property
    def now(self) -> str:
        return rfc3339(self.moment)

    async def boot(self) -> None:
        given = {"queue": "q", "model": "acme/m", "version": "v", "state": "booting", "devices": ()}
        instance = Instance(
            id="one",
            **given,
            memory=1,
            slots=2,
            created_at=self.now,
            last_used_at=self.now,
            payer="acme",
            price=CENT_A_SECOND,
        )
        await self.instances.add(instance)
        await self.instances.ready("one", "", self.now)

    async def begin(self, seat: str | None = "one") -> Prediction:
        made = Prediction(
            id=new_id(self.moment),
            account="acme",
            model="acme/m",
            version="v",
            queue="q",
            source="api",
            status=Status.STARTING,
            input="{}",
            created_at=self.now,
            price=CENT_A_SECOND,
            reserved=100,
        )
        return await self.predictions.create(made, seat)

    async def run(self, seconds: float) -> None:
        prediction = await self.begin()
        self.moment += timedelta(seconds=seconds)
        assert await self.predictions.finish(prediction, Outcome(status=Status.SUCCEEDED), self.now)

    async def limit(self, **given: Any) -> None:
        same = {"scope": "account", "holder": "acme", "period": "month", "set_by": "acme", "set_at": self.now}
        await self.spending.set(Limit(**(same | given)))


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[Till]:
    found = Till(tmp_path)
    await found.boot()
    yield found
    await found.database.close()


async def test_the_webhook_is_told_once_in_a_period_of_each_limit(till: Till) -> None:
    async with Receiver() as receiver:
        treasurer = till.treasurer()
        await till.limit(soft=10_000, hard=30_000, webhook=receiver.url)
        assert await treasurer.run_once() == 0
        await till.run(2)
        for _ in range(3):
            await treasurer.run_once()
            await treasurer.told()
        await till.run(2)
        for again in (treasurer, till.treasurer()):
            await again.run_once()
            await again.told()
        first, second = [one.said for one in receiver.received]
        assert first == {
            "type": "spending.soft_limit_reached",
            "account": "acme",
            "token": None,
            "period": "monthly",
            "limit": "0.01",
            "spent": "0.02",
            "resets_at": "2026-06-01T00:00:00.000000Z",
        }
        assert (second["type"], second["limit"], second["spent"]) == (
            "spending.limit_reached",
            "0.03",
            "0.04",
        )
        assert all("webhook-signature" in one.headers for one in receiver.received)
        till.moment += timedelta(days=31)
        await till.run(2)
        await treasurer.run_once()
        await receiver.until(3)
        await treasurer.told()
        await treasurer.close()


async def test_a_webhook_that_was_not_heard_is_told_again(till: Till) -> None:
    async with Receiver([answer(500)]) as receiver:
        await till.limit(soft=1, webhook=receiver.url)
        await till.run(1)
        for count in (1, 2):
            treasurer = till.treasurer()
            await treasurer.run_once()
            await receiver.until(count)
            if count == 2:
                await treasurer.told()
            await treasurer.close()
        treasurer = till.treasurer()
        assert await treasurer.run_once() == 0, "it was heard"
        await treasurer.close()


async def test_what_runs_goes_on_beyond_the_limit_unless_it_is_to_be_stopped(till: Till) -> None:
    await till.limit(hard=10_000)
    await till.run(2)
    running, waiting = await till.begin(), await till.begin(None)
    lenient, strict = till.treasurer(), till.treasurer(stops=True)
    assert await lenient.run_once() == 0
    assert await strict.run_once() == 2
    assert await till.predictions.canceling() == [running.id]
    ended = await till.predictions.get(waiting.id)
    assert ended is not None
    assert ended.status is Status.CANCELED
    for treasurer in (lenient, strict):
        await treasurer.close()


async def test_what_runs_beyond_its_estimate_counts_with_what_it_costs_so_far(till: Till) -> None:
    await till.limit(hard=30_000)
    running = await till.begin()
    strict = till.treasurer(stops=True)
    till.moment += timedelta(seconds=2)
    assert await strict.run_once() == 0
    (standing,) = await till.spending.every(till.moment)
    assert (standing.running, standing.reached) == (20_000, False), "2 s at a cent, though 100 were reserved"
    till.moment += timedelta(seconds=1)
    assert await strict.run_once() == 1, "it would reach the limit if it ended now"
    assert await till.predictions.canceling() == [running.id]
    await strict.close()


async def test_an_instance_that_idles_for_long_is_paid_for_before_it_ends(till: Till) -> None:
    treasurer = till.treasurer()
    till.moment += timedelta(hours=2)
    await treasurer.run_once()
    (told,) = await till.usage.sums(
        "acme", "day", till.moment - timedelta(days=1), till.moment + timedelta(days=1)
    )
    assert (told.runs, told.idle_us, told.amount) == (0, 7_200_000_000, 72_000_000)
    await treasurer.run_once()
    await till.run(1)
    await till.instances.end("one", "gone", "", till.now)
    (told,) = await till.usage.sums(
        "acme", "model", till.moment - timedelta(days=1), till.moment + timedelta(days=1)
    )
    assert (told.runs, told.idle_us, told.active_us) == (1, 7_200_000_000, 1_000_000)
    await treasurer.close()
