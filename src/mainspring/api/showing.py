"""The example that a model of the catalogue is shown with: run once, when the model is installed."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from mainspring.api.context import Context, context
from mainspring.api.creating import CreateBody, Order, make_prediction
from mainspring.api.predictions import stop
from mainspring.api.wire import base_url
from mainspring.bundle.catalogue import Entry
from mainspring.core.errors import ApiError, BundleError
from mainspring.core.hardware import Hardware
from mainspring.core.ids import new_capability, new_id, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.core.queue import Queue
from mainspring.core.rehearsal import put_off
from mainspring.records.accounts import Account
from mainspring.records.catalog import Version
from mainspring.records.installed import Installed

_QUIET_S = 15.0
_LOOK_S = 1.0
Line = Callable[[str], None]


async def show(
    request: Request, account: Account, entry: Entry, version: Version, wanted: bool | None, line: Line
) -> str | None:
    """Run the model's example and show the model with it; the prediction's id, None when it has no such example.

    wanted: run it in any case, or in none; None: unless it is there, the operator shows others, or it is too much for
    this machine. A fault is told and no more: the model is installed.
    """
    ctx = context(request)
    installed = await ctx.installed.get(entry.full_name)
    try:
        values = entry.example()
    except BundleError as error:
        line(f"Its example can't be read: {error}")
        return None
    if wanted is False or installed is None or values is None:
        return None
    if wanted is None:
        shown, stays = await _shown(ctx, version, installed)
        if stays:
            return shown
        if reason := _put_off(ctx, entry, installed):
            line(
                f"Its example was not run: {reason}. To run it: mainspring catalog add {entry.full_name} --example"
            )
            return None
    return await _rehearse(request, account, version, values, line)


async def _shown(ctx: Context, version: Version, installed: Installed) -> tuple[str | None, bool]:
    """(the example that was made so, whether what is shown stays: of these weights and version, or the operator's)."""
    model = await ctx.catalog.get_model(*version.model.split("/", 1))
    first = model.default_example if model else None
    if first is None or first != installed.example:
        return None, first is not None
    made = await ctx.predictions.get(first)
    return first, made is not None and (made.version, made.weights) == (version.id, installed.weights_name)


def _put_off(ctx: Context, entry: Entry, installed: Installed) -> str | None:
    about = entry.about
    weights = about.weights is None or installed.weights is not None
    memory = about.memory if installed.own else 0
    made_for = ctx.settings.hardware.get(about.hardware) or Hardware(sku=about.hardware, name="")
    return put_off(made_for, memory, ctx.machine.capacity(), weights=weights)


async def _rehearse(
    request: Request, account: Account, version: Version, values: dict[str, Any], line: Line
) -> str | None:
    ctx = context(request)
    prediction_id = new_id(ctx.now())
    try:
        given = {name: await _given(request, prediction_id, value) for name, value in values.items()}
        order = Order(account, version, Queue(version.model, version.id), CreateBody(input=given), b"")
        made = await make_prediction(request, order, called=prediction_id)
    except ApiError as error:
        line(f"Its example can't be run: {error.detail}")
        return None
    line("Running its example")
    try:
        ended = await _followed(ctx, made, line)
    except asyncio.CancelledError:
        await stop(request, made)
        raise
    if ended.status is not Status.SUCCEEDED:
        told = f": {ended.error}" if ended.error else ""
        line(f"Its example {ended.status.value}{told}")
        return None
    now = rfc3339(ctx.now())
    before = await ctx.installed.get(version.model)
    if not await ctx.discovery.examples.add(version.model, ended.id, now, default=True):
        return None
    if before is not None and before.example is not None:
        await ctx.discovery.examples.remove(version.model, before.example)
    await ctx.installed.show(version.model, ended.id)
    ctx.catalog.forget()
    line(f"Its page opens with this example: {base_url(request)}/{version.model}")
    return ended.id


async def _given(request: Request, prediction_id: str, value: Any) -> Any:
    """What the prediction is given for a value of the example: a file as a URL that everybody can read."""
    if not isinstance(value, Path):
        return value
    key = f"outputs/{prediction_id}/{new_capability()}"
    kind = mimetypes.guess_type(value.name)[0] or "application/octet-stream"
    await context(request).objects.adopt(f"{key}/{value.name}", value, kind)
    return f"{base_url(request)}/{key}/{quote(value.name)}"


async def _followed(ctx: Context, made: Prediction, line: Line) -> Prediction:
    """The ended prediction; of one that this process won't see end, what is known. How it goes is told."""
    began, quiet, said = time.monotonic(), 0.0, ""
    while True:
        live = ctx.feed.get(made.id)
        ended = await live.ended(_LOOK_S) if live is not None else None
        now = ended or await ctx.predictions.get(made.id) or made
        if now.status.terminal or live is None or live.abandoned:
            return now
        passed = time.monotonic() - began
        if now.status != said or passed - quiet >= _QUIET_S:
            said, quiet = now.status, passed
            line(f"Its example is {now.status.value}" + (f", {passed:.0f} s" if passed >= _QUIET_S else ""))
