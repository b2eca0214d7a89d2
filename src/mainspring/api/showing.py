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

from mainspring.api.asking import CreateBody
from mainspring.api.context import Context, context
from mainspring.api.creating import Order, make_prediction
from mainspring.api.predictions import stop
from mainspring.api.wire import base_url
from mainspring.bundle.catalogue import Entry
from mainspring.core.errors import ApiError, BundleError
from mainspring.core.hardware import Hardware
from mainspring.core.ids import new_capability, new_id, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.core.queue import Queue
from mainspring.core.rehearsal import put_off
from mainspring.records.accounts import Caller
from mainspring.records.catalog import Version
from mainspring.records.installed import Installed

_QUIET_S = 15.0
_LOOK_S = 1.0
Line = Callable[[str], None]


async def show(
    request: Request, caller: Caller, entry: Entry, version: Version, wanted: bool | None, line: Line
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
    return await _rehearse(request, caller, version, values, line)


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
    request: Request, caller: Caller, version: Version, values: dict[str, Any], line: Line
) -> str | None:
    made = await _made(request, caller, version, values, line)
    if made is None:
        return None
    line("Running its example")
    try:
        ended = await _followed(context(request), made, line)
    except asyncio.CancelledError:
        await stop(request, made)
        raise
    if ended.status is not Status.SUCCEEDED:
        line(f"Its example is {ended.status.value}{f': {ended.error}' if ended.error else ''}")
        return None
    if not await _shown_first(context(request), version.model, ended.id):
        return None
    line(f"Its page opens with this example: {base_url(request)}/{version.model}")
    return ended.id


async def _made(
    request: Request, caller: Caller, version: Version, values: dict[str, Any], line: Line
) -> Prediction | None:
    """The example's prediction; None when it is refused, and why is told. Files become URLs that everybody can read."""
    ctx = context(request)
    prediction_id, given, stored = new_id(ctx.now()), dict(values), []
    for name, file in values.items():
        if isinstance(file, Path):
            folder = f"outputs/{prediction_id}/{new_capability()}"
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            stored.append((await ctx.objects.adopt(f"{folder}/{file.name}", file, kind)).key)
            given[name] = f"{base_url(request)}/{folder}/{quote(file.name)}"
    order = Order(caller, version, Queue(version.model, version.id), CreateBody(input=given), b"")
    try:
        return await make_prediction(request, order, called=prediction_id)
    except ApiError as error:
        line(f"Its example can't be run: {error.detail}")
        for key in stored:
            await ctx.objects.delete(key)
        return None


async def _shown_first(ctx: Context, model: str, prediction: str) -> bool:
    """Show the model with the prediction, in place of the one that an earlier installation made."""
    before = await ctx.installed.get(model)
    if not await ctx.discovery.examples.add(model, prediction, rfc3339(ctx.now()), default=True):
        return False
    if before is not None and before.example is not None:
        await ctx.discovery.examples.remove(model, before.example)
    await ctx.installed.show(model, prediction)
    ctx.catalog.forget()
    return True


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
