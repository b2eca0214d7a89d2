"""A real server, killed while a prediction runs: its trace is one, its figures are right, its log is JSON."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.collector import Collector, collecting
from tests.e2e.projects import write_project
from tests.e2e.server import TOKEN, Server
from tests.e2e.test_crash import call, ended


def told(server: Server, path: str) -> str:
    request = urllib.request.Request(server.url + path, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        return str(reply.read().decode())


def parts(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(server, "/ready"))
    return found


def test_a_trace_outlives_kill_9(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "kept")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        server = Server(tmp_path / "data", webhook_hosts="localhost").start()
        server.push(write_project("slow", tmp_path / "projects"), "mainspring/slow")
        made = _killed_while_it_ran(server, collector)
        server.start()
        assert ended(server, made["id"])["status"] == "succeeded"
        assert parts(server)["status"] == "ok"
        _check_spans(collector, made["id"])
        text = told(server, "/metrics")
        assert (
            'mainspring_predictions_total{kind="prediction",model="mainspring/slow",status="succeeded"} 1.0'
            in text
        )
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    again = [line for line in lines if "runs again" in line["event"]]
    assert [line["prediction"] for line in again] == [made["id"]]


def _killed_while_it_ran(server: Server, collector: Collector) -> dict[str, Any]:
    hook = collector.url.replace("127.0.0.1", "localhost") + "/hook"
    body = {"input": {"seconds": 1.0}, "webhook": hook, "webhook_events_filter": ["completed"]}
    made: dict[str, Any] = call(server, "POST", "/v1/models/mainspring/slow/predictions", body)
    collector.until(
        lambda: call(server, "GET", f"/v1/predictions/{made['id']}")["status"] == "processing", 60
    )
    collector.until(lambda: collector.named("POST /v1/models/{owner}/{name}/predictions"))
    server.kill()
    return made


def _check_spans(collector: Collector, prediction_id: str) -> None:
    (life,) = collector.until(lambda: collector.named("prediction mainspring/slow"))
    (hook,) = collector.until(lambda: collector.named("webhook completed"))
    (run,) = collector.until(lambda: collector.named("run"))
    (lost,) = collector.named("lost")
    (request,) = collector.named("POST /v1/models/{owner}/{name}/predictions")
    assert {span.trace for span in (life, hook, run, lost)} == {request.trace}
    assert {span.service for span in (life, hook, run, request)} == {"kept"}
    assert life.parent == request.id
    assert hook.parent == run.parent == lost.parent == life.id
    assert life.attributes["mainspring.prediction.id"] == prediction_id
    assert run.attributes["mainspring.attempt"] == 2
    assert lost.status == 2
    assert collector.hooks[-1]["traceparent"] == f"00-{life.trace}-{hook.id}-01"
