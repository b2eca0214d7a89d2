"""The real coglet goes on with a trace that it is handed, and so does the model in it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from mainspring.cogclient import CogClient, Completed
from mainspring.core.trace import Trace
from tests.collector import collecting
from tests.contract.coglet import coglet
from tests.contract.models import schema

MODEL = """
from cog import BasePredictor, current_scope
from opentelemetry import trace

class Predictor(BasePredictor):
    def predict(self) -> str:
        with trace.get_tracer("model").start_as_current_span("thinking"):
            return current_scope().context["traceparent"]
"""
RUN = Trace("ab" * 16, "cd" * 8, None, True, "shop=7")


async def test_spans_of_cog_and_of_the_model_are_part_of_the_run(tmp_path: Path) -> None:
    (tmp_path / ".cog").mkdir()
    (tmp_path / "predict.py").write_text(MODEL)
    (tmp_path / ".cog" / "openapi_schema.json").write_text(schema())
    with collecting() as collector:
        told = {
            "COG_TRACE_CONFIGURED": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "20",
        }
        async with coglet(tmp_path, **told) as server:
            await server.until("READY")
            client = CogClient(server.address)
            body = b'{"id":"p","input":{}}'
            events = [e async for some in client.run("p", body, RUN.headers()) for e in some]
            await client.close()
            done = events[-1]
            assert isinstance(done, Completed)
            assert done.output is not None
            assert json.loads(bytes(done.output)) == RUN.headers()["traceparent"]
            await asyncio.to_thread(collector.until, lambda: collector.named("thinking"))
            await asyncio.to_thread(
                collector.until, lambda: [s for s in collector.spans if s.parent == RUN.span_id]
            )
    assert {span.trace for span in collector.spans if span.name.startswith(("think", "cog.prediction"))} == {
        RUN.trace_id
    }
