"""Limits refuse what would go beyond them, whoever asks and however many at once; usage says what was spent."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.core.hardware import described
from mainspring.core.ids import new_id, rfc3339
from mainspring.core.prediction import Outcome, Status
from mainspring.records.instances import Instance
from mainspring.settings import Settings
from tests.api.house import House, open_house

PRICED = replace(
    Settings(account="ada", create_limit=0, call_limit=0, estimate_s=10.0, compare_prices=True),
    hardware=described(Settings().hardware, {"cpu": {"price_per_second": Decimal("0.01")}}),
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, PRICED) as found:
        await found.model()
        await found.version()
        yield found


async def create(client: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await client.post("/models/ada/hello/predictions", json={"input": {}}, **more)


async def run(
    house: House, seconds: float, metrics: str | None = None, payer: str | None = None, setup: float = 0
) -> None:
    """Run everything that waits, for so long, on a new instance."""
    ctx, now = house.context, rfc3339(house.clock[0])
    queue = f"ada/hello:{'a' * 64}"
    given = {"queue": queue, "model": "ada/hello", "version": "a" * 64, "state": "booting", "devices": ()}
    instance = Instance(
        id=new_id(house.clock[0]), **given, memory=1, slots=100, created_at=now, last_used_at=now, payer=payer
    )
    await ctx.instances.add(instance)
    house.pass_time(setup)
    now = rfc3339(house.clock[0])
    await ctx.instances.ready(instance.id, "", now)
    claimed = await ctx.predictions.claim(queue, instance.id, 10_000, now)
    house.pass_time(seconds)
    for prediction in claimed:
        ended = rfc3339(house.clock[0])
        await ctx.predictions.finish(prediction, Outcome(status=Status.SUCCEEDED, metrics=metrics), ended)


async def test_a_hard_limit_refuses_the_next_prediction_in_words_that_help(house: House) -> None:
    async with house.client() as ada:
        told = (await ada.put("/limits", json={"monthly": "0.05"})).json()["results"]
        assert [(t["period"], t["hard"], t["account"], t["token"]) for t in told] == [
            ("month", "0.05", "ada", None)
        ]
        assert (await create(ada)).status_code == 201
        refused = await create(ada)  # 10 s at 0.01 are reserved: more than the limit
        assert refused.status_code == 402
        await run(house, 2)
        assert (await create(ada)).status_code == 201, "it cost 0.02 only"
        await run(house, 3)
        refused = await create(ada)
    assert refused.status_code == 402
    fault = refused.json()
    assert fault["title"] == "Monthly spend limit reached"
    assert fault["status"] == 402
    for part in (
        "spending limit",
        "account ada",
        "https://mainspring.test/usage",
        "$0.05 spent",
        "2026-06-01T00:00:00",
        "limit set --monthly",
    ):
        assert part in fault["detail"]


async def test_a_limit_resets_with_its_period(house: House) -> None:
    async with house.client() as ada:
        await ada.put("/limits", json={"daily": 0.01})
        assert (await create(ada)).status_code == 201
        await run(house, 2)
        assert (await create(ada)).status_code == 402
        house.pass_time(12 * 3600)
        assert (await create(ada)).status_code == 201
        limit = (await ada.get("/limits")).json()["results"][0]
        assert (limit["period"], limit["spent"], limit["resets_at"][:10]) == ("day", "0.00", "2026-05-03")


async def test_a_burst_never_goes_beyond_one_estimate(house: House) -> None:
    async with house.client() as ada:
        await ada.put("/limits", json={"monthly": "5"})
        replies = await asyncio.gather(*(create(ada) for _ in range(1000)))
        made = [r.status_code for r in replies].count(201)
        assert made == 50, "10 s at 0.01 each"
        assert {r.status_code for r in replies} == {201, 402}
        limit = (await ada.get("/limits")).json()["results"][0]
        assert (limit["spent"], limit["running"], limit["reached"]) == ("0.00", "5.00", True)


async def test_what_never_runs_gives_its_reservation_back(house: House) -> None:
    async with house.client() as ada:
        await ada.put("/limits", json={"monthly": "0.1"})
        made = (await create(ada)).json()
        assert (await create(ada)).status_code == 402
        assert (await ada.post(f"/predictions/{made['id']}/cancel")).status_code == 200
        assert (await create(ada)).status_code == 201


async def test_tokens_have_limits_of_their_own(house: House) -> None:
    async with house.client() as ada:
        made = (await ada.post("/tokens", json={"name": "ci"})).json()
        await ada.put("/limits", json={"monthly": "0.1", "token": made["id"]})
        headers = {"Authorization": f"Bearer {made['token']}"}
        assert (await create(ada, headers=headers)).status_code == 201
        refused = await create(ada, headers=headers)
        assert refused.status_code == 402
        assert made["id"] in refused.json()["detail"]
        assert (await create(ada)).status_code == 201, "the account has no limit"
        raising = await ada.put("/limits", json={"monthly": "99", "token": made["id"]}, headers=headers)
        assert raising.status_code == 403
        gone = await ada.request("DELETE", "/limits", params={"token": made["id"], "period": "month"})
        assert gone.status_code == 204
        assert (await create(ada, headers=headers)).status_code == 201


async def test_who_may_set_limits(house: House) -> None:
    async with house.client("ada") as operator, house.client("bob") as bob:
        assert (await bob.put("/limits", json={"monthly": "1", "account": "ada"})).status_code == 403
        assert (await bob.get("/limits", params={"account": "ada"})).status_code == 403
        assert (await operator.put("/limits", json={"monthly": "0", "account": "bob"})).status_code == 200
        assert (await create(bob)).status_code == 402
        refused = await create(bob)
        assert "The operator of this platform set it" in refused.json()["detail"]
        assert (await bob.put("/limits", json={"monthly": "9"})).status_code == 403, "the operator set it"
        own = (await bob.put("/limits", json={"daily": "1"})).json()["results"]
        assert [(one["period"], one["by_operator"]) for one in own] == [("month", True), ("day", False)]
        assert (await bob.put("/limits", json={"daily": None})).json()["results"] == own[:1]
        assert (await bob.request("DELETE", "/limits")).status_code == 403
        assert (await operator.put("/limits", json={"monthly": "9", "account": "nobody"})).status_code == 404
        assert (await operator.put("/limits", json={})).status_code == 400
        assert (await operator.put("/limits", json={"monthly": "-1"})).status_code == 400
        assert (await operator.put("/limits", json={"monthly": "1", "webhook": "ftp://x"})).status_code == 422


async def test_a_key_gets_what_it_made_though_the_limit_is_reached_since(house: House) -> None:
    async with house.client() as ada:
        await ada.put("/limits", json={"monthly": "0.1"})
        first = await create(ada, headers={"Idempotency-Key": "k"})
        again = await create(ada, headers={"Idempotency-Key": "k"})
        other = await create(ada, headers={"Idempotency-Key": "other"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 402)
    assert first.json()["id"] == again.json()["id"]


async def test_usage_is_told_by_key_and_as_csv(house: House) -> None:
    async with house.client() as ada, house.client("bob") as bob:
        made = (await create(ada)).json()
        await create(bob)
        await run(house, 1.5, '{"output_token_count": 7, "image_count": 2}')
        told = (await ada.get("/usage", params={"by": "model", "since": "2026-05-01"})).json()
        (only,) = told["results"]
        assert (only["key"], only["runs"], only["active_time"]) == ("ada/hello", 1, 1.5)
        assert (only["amount"], only["list_amount"]) == ("0.015", "0.00015")
        assert (only["input_tokens"], only["output_tokens"], only["images"]) == (0, 7, 2)
        assert told["total"] == only | {"key": "total"}
        assert told["unfinished"] == {"starting": 0, "processing": 0}
        await create(ada)
        assert (await ada.get("/usage")).json()["unfinished"] == {"starting": 1, "processing": 0}
        for by in ("day", "token", "deployment", "hardware"):
            (one,) = (await ada.get("/usage", params={"by": by})).json()["results"]
            assert one["amount"] == "0.015"
        sent = await ada.get("/usage", headers={"Accept": "text/csv"})
        assert sent.headers["content-disposition"] == 'attachment; filename="usage-by-day-2026-05-01.csv"'
        text = sent.text
        (line,) = csv.DictReader(io.StringIO(text))
        assert (line["day"], line["runs"], line["amount"]) == ("2026-05-01", "1", "0.015")
        assert (
            (await ada.get("/usage", params={"format": "csv"})).headers["content-type"].startswith("text/csv")
        )
        later = (await ada.get("/usage", params={"since": "2026-05-02"})).json()
        assert (later["results"], later["total"]["runs"]) == ([], 0)
        assert (await ada.get("/usage", params={"since": "soon"})).status_code == 400
        assert (await bob.get("/usage", params={"account": "ada"})).status_code == 403
        cost = (await ada.get(f"/predictions/{made['id']}")).json()["cost"]
        assert cost == {
            "amount": "0.015",
            "setup_time": 0.0,
            "idle_time": 0.0,
            "active_time": 1.5,
            "at_replicate": "0.00015",
        }


async def test_estimates_come_from_the_models_own_runs(house: House) -> None:
    async with house.client() as ada:
        assert (await ada.get("/models/ada/hello")).json()["estimate"] is None
        for seconds in (1, 2, 30):
            await create(ada)
            await run(house, seconds)
        house.context.usage._recent.forget()
        told = (await ada.get("/models/ada/hello")).json()["estimate"]
        assert told == {
            "p50_s": 2.0,
            "p95_s": 30.0,
            "cost_p50": "0.02",
            "cost_p95": "0.30",
            "at_replicate": "0.0002",
        }
        made = (await create(ada)).json()
        stored = await house.context.predictions.get(made["id"])
        assert stored is not None
        assert (stored.price, stored.reserved) == (10_000_000, 300_000)
        assert stored.token is not None


async def test_estimates_of_dedicated_instances_have_their_setup(house: House) -> None:
    async with house.client() as ada:
        await ada.patch("/models/ada/hello", json={"visibility": "private"})
        await create(ada)
        await run(house, 2, payer="ada", setup=3)
        house.context.usage._recent.forget()
        told = (await ada.get("/models/ada/hello")).json()["estimate"]
        assert (told["p50_s"], told["cost_p50"], told["at_replicate"]) == (2.0, "0.05", "0.0005")
        made = (await create(ada)).json()
        stored = await house.context.predictions.get(made["id"])
        assert stored is not None
        assert stored.reserved == 50_000


async def test_what_is_free_is_never_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path, Settings(account="ada")) as house, house.client() as ada:
        await house.model()
        await house.version()
        await ada.put("/limits", json={"monthly": "0"})
        assert (await create(ada)).status_code == 201
