"""`/metrics` in Prometheus' words: figures that are counted anyway, told when somebody asks. Ours."""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring import __version__
from mainspring.api.calling import identify, is_operator, require_scope
from mainspring.api.census import Census, take_census
from mainspring.api.context import Context, context
from mainspring.api.families import FAMILIES, Family
from mainspring.core.errors import Forbidden
from mainspring.core.histogram import Histogram
from mainspring.core.ids import parse_time, rfc3339
from mainspring.core.people import Scope
from mainspring.core.queue import Queue

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

# Values of a family by their labels, and families by their names.
Samples = Mapping[Any, float | Histogram]
Told = dict[str, Samples]
Labels = tuple[str, ...]
_PATIENCE_S = 4.0
_STATES = ("booting", "ready", "stopping")


async def expose(request: Request) -> Response:
    """GET /metrics: for the operator, and for whoever has the token of the settings."""
    await sees_metrics(request)
    # Slow to import, and most servers are never asked.
    from prometheus_client import ProcessCollector
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    families = await collect(context(request))
    process = ProcessCollector(registry=None)
    return Response(encode(_Collected([*families, *process.collect()])), media_type=content_type)


async def sees_metrics(request: Request) -> None:
    """Refuse whoever may not know how the platform fares. Raises ApiError."""
    ctx = context(request)
    chosen = ctx.settings.metrics_token
    _, _, given = request.headers.get("authorization", "").partition(" ")
    if chosen and hmac.compare_digest(given.strip().encode(), chosen.encode()):
        return
    caller = await identify(ctx, request)
    ctx.limits.charge(caller.username, request.scope)
    if not is_operator(ctx, caller):
        raise Forbidden("Only the operator of this platform can do this.")
    require_scope(caller, Scope.READ, "/metrics")


async def collect(ctx: Context) -> list[Metric]:
    """Every family, with its samples."""
    await ctx.counted.look(_PATIENCE_S)
    census, now = await take_census(ctx), ctx.now()
    found: Told = {
        **_of_predictions(ctx),
        **_of_lines(census, now),
        **_of_instances(ctx, census),
        **await _of_webhooks(ctx, now),
        **_of_the_ledger(ctx),
        **await _of_the_machine(ctx),
        **_of_the_process(ctx),
    }
    return [_family(family, found[family.name]) for family in FAMILIES]


def _of_predictions(ctx: Context) -> Told:
    counted = ctx.counted
    if not counted.whole:
        # Half of them now would look like a burst of the other half later.
        return {family.name: {} for family in FAMILIES if family.kept}
    return {
        "mainspring_predictions": dict(counted.ended),
        "mainspring_queue_wait_seconds": dict(counted.waited),
        "mainspring_run_seconds": dict(counted.ran),
        "mainspring_instance_seconds": {key: us / 1e6 for key, us in counted.instances.items()},
        "mainspring_spend_dollars": {key: amount / 1e6 for key, amount in counted.spent.items()},
        "mainspring_account_spend_dollars": {
            (who,): amount / 1e6 for who, amount in counted.spent_by.items()
        },
    }


def _of_lines(census: Census, now: datetime) -> Told:
    """Of each line that somebody waits in, and of those with an instance, where nobody may."""
    depth: Counter[Labels] = Counter()
    oldest: dict[Labels, float] = {}
    for queue in {i.queue for i in census.instances} | census.lines.keys():
        key, line = _line(queue), census.lines.get(queue)
        depth[key] += line.waiting if line else 0
        waits_s = (now - parse_time(line.oldest)).total_seconds() if line else 0.0
        oldest[key] = max(oldest.get(key, 0.0), waits_s)
    return {"mainspring_queue_depth": dict(depth), "mainspring_queue_oldest_seconds": oldest}


def _of_instances(ctx: Context, census: Census) -> Told:
    states: Counter[Labels] = Counter()
    slots: Counter[Labels] = Counter()
    running: Counter[Labels] = Counter()
    for one in census.instances:
        model, deployment, _ = _line(one.queue)
        for state in _STATES:
            states[(model, deployment, state)] += one.state == state
        slots[(model, deployment)] += one.slots if one.state == "ready" else 0
        running[(model, deployment)] += census.running.get(one.id, 0)
    return {
        "mainspring_instances": dict(states),
        "mainspring_slots": dict(slots),
        "mainspring_running": dict(running),
        "mainspring_boot_seconds": dict(ctx.observed.boots),
        "mainspring_boots_failed": dict(ctx.observed.failed_boots),
    }


async def _of_webhooks(ctx: Context, now: datetime) -> Told:
    pending, overdue, dead = await ctx.counted.backlog(rfc3339(now))
    late_s = max(0.0, (now - parse_time(overdue)).total_seconds()) if overdue else 0.0
    return {
        "mainspring_webhook_lag_seconds": {(e,): lag for e, lag in ctx.observed.webhook_lag.items()},
        "mainspring_webhook_tries": dict(ctx.observed.webhook_tries),
        "mainspring_webhooks_pending": {(): pending},
        "mainspring_webhooks_dead": {(): dead},
        "mainspring_webhook_overdue_seconds": {(): late_s},
    }


def _of_the_ledger(ctx: Context) -> Told:
    return {
        "mainspring_ledger_commit_seconds": {(): ctx.database.commits},
        "mainspring_ledger_transactions": {(): ctx.database.committed},
        "mainspring_ledger_commits_failed": {(): ctx.database.uncommitted},
        "mainspring_ledger_bytes": {(): ctx.database.size()},
    }


async def _of_the_machine(ctx: Context) -> Told:
    now, parts = await asyncio.to_thread(ctx.machine.read), await ctx.health.ready()
    gpus = {(str(gpu.index), gpu.name): gpu for gpu in now.gpus}
    return {
        "mainspring_gpu_memory_bytes": {key: gpu.memory for key, gpu in gpus.items()},
        "mainspring_gpu_memory_used_bytes": {key: gpu.used for key, gpu in gpus.items()},
        "mainspring_gpu_busy_ratio": {key: gpu.busy for key, gpu in gpus.items() if gpu.busy is not None},
        "mainspring_ready": {(name,): float(part.well) for name, part in parts.items()},
    }


def _of_the_process(ctx: Context) -> Told:
    replies = {(method, str(status)): count for (method, status), count in ctx.observed.replies.items()}
    return {
        "mainspring_http_replies": dict(replies),
        "mainspring_loop_failures": {(v.name,): v.failed for v in ctx.health.vitals},
        "mainspring_build_info": {(__version__,): 1.0},
    }


def _line(queue: str) -> Labels:
    line = Queue.parse(queue)
    return line.model, line.deployment or "", "training" if line.training else "prediction"


def _family(family: Family, samples: Samples) -> Metric:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    kinds: dict[str, Any] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }
    made = kinds[family.kind](family.name, family.help, labels=family.labels)
    for labels, value in sorted(samples.items()):
        if isinstance(value, Histogram):
            made.add_metric(labels, value.cumulative(), value.total)
        else:
            made.add_metric(labels, value)
    found: Metric = made
    return found


class _Collected:
    """What the encoders take for a registry."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


routes = [Route("/metrics", expose)]
