"""Where a waiting prediction stands."""

from __future__ import annotations

from datetime import datetime

from mainspring.api.context import Context
from mainspring.core.estimate import Line, estimate_s
from mainspring.core.ids import parse_time
from mainspring.core.prediction import Prediction
from mainspring.records.timeline import Timeline, add_boot


async def add_waiting(ctx: Context, told: Timeline, prediction: Prediction) -> None:
    """Where a waiting prediction stands, what it waits for, and for about how long."""
    ahead = await ctx.predictions.ahead(prediction)
    serving = await ctx.instances.serving(prediction.queue)
    ready = [i for i in serving if i.state == "ready"]
    booting = next((i for i in serving if i.state == "booting"), None)
    history = ctx.feed.history
    line = Line(
        ahead=ahead,
        slots=serving[0].slots if serving else 1,
        ready=len(ready),
        booted_for_s=_since_s(booting.created_at, ctx.now()) if booting else None,
        boot_s=history.boot_s(prediction.queue),
        run_s=history.run_s(prediction.queue),
    )
    told.queue_position = ahead + 1
    about_s = estimate_s(line)
    told.estimate_s = None if about_s is None else round(about_s, 1)
    if booting is not None and not ready:
        add_boot(told, booting)


def _since_s(at: str, now: datetime) -> float:
    return (now - parse_time(at)).total_seconds()
