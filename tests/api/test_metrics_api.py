"""Figures over the last hours: what is counted, in which bucket, and for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from mainspring.core.ids import new_id, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.records.instances import Instance
from mainspring.records.metrics import DEPLOYMENT_ENDED, MODEL_ENDED
from tests.api.house import START, House

A = "a" * 64
QUEUE = f"ada/hello:{A}"
DEPLOYED = f"{QUEUE}@ada/prod#1"


@pytest.fixture(autouse=True)
async def furnished(house: House) -> None:
    await house.model()
    await house.version()


async def ended(
    house: House, at: datetime, *, ran_s: float = 1.0, waited_s: float = 0.0, **changes: Any
) -> None:
    """Store a prediction that ended at a moment."""
    begun = at - timedelta(seconds=ran_s)
    made = Prediction(
        id=new_id(at),
        account="bob",
        model="ada/hello",
        version=A,
        queue=QUEUE,
        source="api",
        status=Status.SUCCEEDED,
        input="{}",
        created_at=rfc3339(begun - timedelta(seconds=waited_s)),
        started_at=rfc3339(begun),
        completed_at=rfc3339(at),
    )
    await house.context.predictions.create(replace(made, **changes))


async def instance(house: House, name: str, at: datetime, queue: str = QUEUE, **changes: Any) -> None:
    made = Instance(
        id=name,
        queue=queue,
        model="ada/hello",
        version=A,
        state="booting",
        devices=(),
        memory=1,
        slots=1,
        created_at=rfc3339(at),
        last_used_at=rfc3339(at),
    )
    await house.context.instances.add(replace(made, **changes))


def ago(seconds: float) -> datetime:
    return START - timedelta(seconds=seconds)


async def test_predictions_are_counted_where_they_ended(house: House, ada: httpx.AsyncClient) -> None:
    for number in range(1, 21):
        await ended(house, ago(250), ran_s=number, waited_s=number / 10)
    await ended(house, ago(250), status=Status.FAILED, ran_s=90, waited_s=0.05)
    await ended(house, ago(3 * 3600), ran_s=5)
    await ended(house, ago(250), status=Status.CANCELED, started_at=None)
    await ended(house, ago(250), kind="training", ran_s=1000)
    await ended(house, ago(250), model="ada/other")
    found = (await ada.get("/models/ada/hello/metrics")).json()
    assert (found["range"], found["bucket_s"], len(found["buckets"])) == ("2h", 120, 60)
    assert [one["at"] for one in found["buckets"]] == [rfc3339(ago(120 * n)) for n in range(59, -1, -1)]
    filled = [one for one in found["buckets"] if one["runs"]]
    assert [one["at"] for one in filled] == [rfc3339(ago(360))]
    expected = {"runs": 22, "failed": 1, "run_p50": 10.0, "run_p95": 19.0, "wait_p50": 1.0, "wait_p95": 1.9}
    assert expected.items() <= filled[0].items()
    assert expected.items() <= found["total"].items()
    day = (await ada.get("/models/ada/hello/metrics?range=24h")).json()
    assert (day["bucket_s"], len(day["buckets"]), day["total"]["runs"]) == (1800, 48, 23)


async def test_microseconds_are_kept(house: House, ada: httpx.AsyncClient) -> None:
    await ended(house, ago(0.0000005), ran_s=0.000321, waited_s=0.9999)
    total = (await ada.get("/models/ada/hello/metrics")).json()["total"]
    assert (total["run_p50"], total["wait_p50"]) == pytest.approx((0.000321, 0.9999), abs=1.1e-6)


async def test_a_deployments_figures_are_its_own(house: House, ada: httpx.AsyncClient) -> None:
    body = {"model": "ada/hello", "version": A, "hardware": "cpu", "min_instances": 0, "max_instances": 2}
    await ada.post("/deployments", json={"name": "prod", **body})
    await ended(house, ago(10), ran_s=2, deployment="ada/prod", queue=DEPLOYED)
    await ended(house, ago(10), ran_s=8)
    await instance(house, "one", ago(60), DEPLOYED, ready_at=rfc3339(ago(50)), state="ready")
    await instance(house, "two", ago(60), DEPLOYED, ended_at=rfc3339(ago(50)), fault="no", state="ended")
    await instance(house, "three", ago(60))
    await ended(
        house, ago(5), deployment="ada/prod", queue=DEPLOYED, status=Status.STARTING,
        started_at=None, completed_at=None,
    )  # fmt: skip
    found = (await ada.get("/deployments/ada/prod/metrics")).json()
    expected = {"runs": 1, "run_p95": 2.0, "boots": 2, "boots_failed": 1, "boot": 10.0}
    assert expected.items() <= found["total"].items()
    assert found["now"] == {"starting": 0, "idle": 1, "processing": 0, "queue": 1, "oldest": rfc3339(ago(6))}
    assert (await ada.get("/deployments/ada/prod")).json()["now"] == found["now"]
    assert (await ada.get("/deployments")).json()["results"][0]["now"] == found["now"]
    whole = (await ada.get("/models/ada/hello/metrics")).json()
    assert (whole["total"]["runs"], whole["total"]["boots"], whole["now"]["starting"]) == (2, 3, 1)


async def test_only_the_owner_sees_figures(house: House, ada: httpx.AsyncClient) -> None:
    async with house.client("bob") as bob:
        assert (await bob.get("/models/ada/hello/metrics")).status_code == 403
        assert (await bob.get("/deployments/ada/prod/metrics")).status_code == 404
    assert (await ada.get("/models/ada/hello/metrics?range=1y")).status_code == 400
    assert (await ada.get("/models/ada/nothing/metrics")).status_code == 404
    async with house.client(None) as nobody:
        assert (await nobody.get("/models/ada/hello/metrics")).status_code == 401


async def test_figures_are_read_from_an_index_alone(house: House) -> None:
    given = {"model": "m", "deployment": "d", "since": "", "until": "", "since_s": 0, "bucket_s": 1}
    for sql in (MODEL_ENDED, DEPLOYMENT_ENDED):
        rows = await house.context.database.fetch(f"EXPLAIN QUERY PLAN {sql}", given)
        plan = [row["detail"] for row in rows]
        assert any("USING COVERING INDEX predictions_ended" in step for step in plan), plan
