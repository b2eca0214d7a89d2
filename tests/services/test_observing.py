"""What the platform tells of itself: figures that match what was done, and one trace for each prediction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from mainspring.api import exposition
from mainspring.core.hardware import default_hardware
from mainspring.testing import FakeCog, Run
from mainspring.tracing.otel import tracer_from
from tests.collector import Collector, Told, collecting
from tests.services.conftest import FILE, House, Open, eventually, painting
from tests.services.receiver import Receiver

PRICED = {"cpu": replace(default_hardware()["cpu"], price_per_second=Decimal("3600"))}


async def moody(run: Run) -> object:
    """Fails when it is told to."""
    if run.input["text"] == "fail":
        raise ValueError("as you wish")
    await asyncio.sleep(0.01)
    return run.input["text"]


async def figures(house: House, token: str | None = None) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name, then by the values of their labels in the order of the labels' names."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    reply = await house.http.get("http://here/metrics", headers=headers)
    assert reply.status_code == 200, reply.text
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            key = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[key] = sample.value
    return found


async def run(house: House, model: str, text: str, **more: Any) -> dict[str, Any]:
    body = {"input": {"text": text}, **more}
    reply = await house.http.post(
        f"/models/{model}/predictions", json=body, headers={"Prefer": "wait=30"}, timeout=60
    )
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def test_figures_are_what_was_done_and_outlive_a_restart(open_house: Open) -> None:
    house = await open_house(
        make=lambda spec: FakeCog(moody),
        hardware=PRICED,
        webhook_hosts="localhost",
        metrics_token="scrape-me",
    )
    model = await house.add_model()
    async with Receiver() as receiver:
        told = {"webhook": receiver.url, "webhook_events_filter": ["completed"]}
        ended = [await run(house, model, text, **told) for text in ("a", "b", "fail")]
        await receiver.until(3)
        await house.platform.webhooks.idle()
    seen = await figures(house, "scrape-me")
    assert seen["mainspring_predictions_total"] == {
        ("prediction", model, "failed"): 1,
        ("prediction", model, "succeeded"): 2,
    }
    assert seen["mainspring_run_seconds_count"] == {("prediction", model): 2}
    took = sum(one["metrics"]["predict_time"] for one in ended if one["status"] == "succeeded")
    assert seen["mainspring_run_seconds_sum"][("prediction", model)] == pytest.approx(took, abs=0.02)
    assert seen["mainspring_queue_wait_seconds_count"] == {("prediction", model): 3}
    assert seen["mainspring_boot_seconds_count"] == {("", model): 1}
    assert seen["mainspring_instances"][("", model, "ready")] == 1
    assert seen["mainspring_queue_depth"] == {("", "prediction", model): 0}
    assert seen["mainspring_webhook_lag_seconds_count"] == {("completed",): 3}
    assert 0 < seen["mainspring_webhook_lag_seconds_sum"][("completed",)] < 10
    assert seen["mainspring_webhook_tries_total"] == {("completed", "delivered"): 3}
    assert seen["mainspring_webhooks_pending"] == {(): 0}
    assert seen["mainspring_ledger_commit_seconds_count"][()] > 5
    assert seen["mainspring_http_replies_total"][("POST", "201")] == 3
    usage = (await house.http.get("/usage")).json()
    assert seen["mainspring_account_spend_dollars_total"][("me",)] == pytest.approx(
        float(usage["total"]["amount"])
    )
    assert seen["mainspring_spend_dollars_total"][("cpu", model)] > 0
    assert set(seen["mainspring_ready"].values()) == {1}

    await house.platform.stop(0)
    again = await figures(await open_house(make=lambda spec: FakeCog(moody), hardware=PRICED))
    for name in (
        "mainspring_predictions_total",
        "mainspring_spend_dollars_total",
        "mainspring_run_seconds_count",
    ):
        assert again[name] == seen[name]
    assert "mainspring_boot_seconds_count" not in again


async def test_who_waits_is_counted_while_it_waits(open_house: Open) -> None:
    cog = FakeCog()
    cog.gate.clear()
    house = await open_house(make=lambda spec: cog, max_instances=1)
    model = await house.add_model()
    made = [await house.create(model) for _ in range(3)]
    await house.until(made[0], "processing")

    async def counted() -> bool:
        seen = await figures(house)
        return (
            seen["mainspring_queue_depth"][("", "prediction", model)] == 2
            and seen["mainspring_running"][("", model)] == 1
            and seen["mainspring_queue_oldest_seconds"][("", "prediction", model)] > 0
        )

    await eventually(counted)
    cog.gate.set()
    for one in made:
        await house.until(one, "succeeded")
    seen = await figures(house)
    assert seen["mainspring_queue_depth"][("", "prediction", model)] == 0
    assert seen["mainspring_predictions_total"] == {("prediction", model, "succeeded"): 3}


async def test_only_who_may_reads_the_figures(open_house: Open) -> None:
    house = await open_house(metrics_token="scrape-me")
    await house.platform.ledger.accounts.create_account("bob", "user", "Bob", house.clock())
    _, bobs = await house.platform.ledger.accounts.create_token("bob", "t", now=house.clock())
    for header, status in (
        ("Bearer " + bobs, 403),
        ("Bearer scrape-you", 401),
        ("", 401),
        ("Bearer scrape-me", 200),
    ):
        reply = await house.http.get("http://here/metrics", headers={"Authorization": header})
        assert reply.status_code == status, header
    for path in ("/account", "/predictions", "/usage"):
        reply = await house.http.get(path, headers={"Authorization": "Bearer scrape-me"})
        assert reply.status_code == 401


async def test_counts_are_not_told_before_the_ledger_was_read_to_its_end(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house()
    await house.create(await house.add_model(), wait=True)
    counted, gate = house.platform.ledger.counted, asyncio.Event()
    count = counted._catch_up

    async def slow() -> None:
        await gate.wait()
        await count()

    monkeypatch.setattr(exposition, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(counted, "_catch_up", slow)
    assert "mainspring_predictions_total" not in await figures(house)

    gate.set()

    async def told() -> bool:
        return "mainspring_predictions_total" in await figures(house)

    await eventually(told)


async def test_openmetrics_is_spoken_to_who_asks_for_it(open_house: Open) -> None:
    house = await open_house()
    await house.create(await house.add_model(), wait=True)
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    reply = await house.http.get("http://here/metrics", headers=accept)
    assert reply.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in openmetrics.text_string_to_metric_families(reply.text)}
    assert {"mainspring_predictions", "mainspring_boot_seconds", "process_resident_memory_bytes"} <= names


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=me")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        yield found


PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


async def test_one_trace_leads_from_the_request_through_the_boot_to_the_webhook(
    open_house: Open, collector: Collector
) -> None:
    cog = FakeCog(moody)
    house = await open_house(make=lambda spec: cog, webhook_hosts="localhost", tracer=tracer_from())
    model = await house.add_model()
    async with Receiver() as receiver:
        reply = await house.http.post(
            f"/models/{model}/predictions",
            json={"input": {"text": "a"}, "webhook": receiver.url, "webhook_events_filter": ["completed"]},
            headers={"Prefer": "wait=30", "traceparent": PARENT, "tracestate": "shop=7"},
        )
        (hook,) = await receiver.until(1)
    names = ["queue", "boot", "prepare", "launch", "start", "setup", "run", "webhook completed"]
    life, server = f"prediction {model}", "POST /v1/models/{owner}/{name}/predictions"
    spans = await asyncio.to_thread(collector.until, lambda: _all(collector, [life, server, *names]))
    assert {span.trace for span in spans.values()} == {"ab" * 16}
    assert {span.service for span in spans.values()} == {"mainspring"}
    assert spans[server].parent == "cd" * 8
    assert spans[life].parent == spans[server].id
    for name in ("queue", "boot", "run", "webhook completed"):
        assert spans[name].parent == spans[life].id, name
    for name in ("prepare", "launch", "start", "setup"):
        assert spans[name].parent == spans["boot"].id, name
    assert spans["queue"].end == spans["run"].begin
    assert spans["setup"].end <= spans["run"].begin
    assert spans["run"].end == pytest.approx(spans[life].end)
    assert spans[life].attributes["mainspring.prediction.id"] == reply.json()["id"]
    assert spans["webhook completed"].attributes["http.response.status_code"] == 200
    # Whoever is called goes on with the trace.
    assert cog.headers["traceparent"] == f"00-{'ab' * 16}-{spans['run'].id}-01"
    assert cog.headers["tracestate"] == "shop=7"
    assert cog.received[reply.json()["id"]]["context"]["traceparent"] == cog.headers["traceparent"]
    assert hook.headers["traceparent"] == f"00-{'ab' * 16}-{spans['webhook completed'].id}-01"
    assert collector.headers["x-tenant"] == "me"


async def test_an_error_is_marked_and_stays_here(open_house: Open, collector: Collector) -> None:
    house = await open_house(make=lambda spec: FakeCog(moody), tracer=tracer_from())
    model = await house.add_model()
    await run(house, model, "fail")
    found = await asyncio.to_thread(collector.until, lambda: collector.named(f"prediction {model}"))
    assert [span.status for span in found] == [2]
    assert "as you wish" not in str(collector.spans)


async def test_files_that_are_stored_are_a_phase_after_the_run(
    open_house: Open, collector: Collector
) -> None:
    opened: list[House] = []
    opened.append(await open_house(make=painting(opened), tracer=tracer_from()))
    await opened[0].create(await opened[0].add_model(openapi=FILE), wait=True)
    spans = await asyncio.to_thread(collector.until, lambda: _all(collector, ["run", "upload"]))
    assert spans["upload"].begin == spans["run"].end
    assert spans["upload"].parent == spans["run"].parent


async def test_who_is_not_sampled_is_not_told_but_the_model_knows(
    open_house: Open, collector: Collector
) -> None:
    cog = FakeCog()
    house = await open_house(make=lambda spec: cog, tracer=tracer_from())
    model = await house.add_model()
    unsampled = PARENT[:-2] + "00"
    await house.create(model, wait=True, traceparent=unsampled)
    assert cog.headers["traceparent"].startswith(f"00-{'ab' * 16}-")
    assert cog.headers["traceparent"].endswith("-00")
    await house.create(model, wait=True)
    await asyncio.to_thread(collector.until, lambda: collector.named(f"prediction {model}"))
    assert {span.trace for span in collector.spans}.isdisjoint({"ab" * 16})


async def test_without_the_variables_nothing_is_traced(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tracer_from({}) is None
    assert tracer_from({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}) is None
    assert tracer_from({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}) is None
    cog = FakeCog()
    house = await open_house(make=lambda spec: cog)
    made = await house.create(await house.add_model(), wait=True, traceparent=PARENT)
    stored = await house.platform.ledger.predictions.get(made["id"])
    assert stored is not None
    assert stored.trace is None
    assert "traceparent" not in cog.headers
    assert "context" not in cog.received[made["id"]]


def _all(collector: Collector, names: list[str]) -> dict[str, Told] | None:
    found = {name: collector.named(name) for name in names}
    if not all(found.values()):
        return None
    assert all(len(spans) == 1 for spans in found.values()), found
    return {name: spans[0] for name, spans in found.items()}
