"""A run of a model's example, which the model's page opens with when it succeeds."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from mainspring.api.asking import CreateBody
from mainspring.api.context import Context, context
from mainspring.api.creating import Order, make_prediction
from mainspring.api.predictions import stop
from mainspring.api.wire import base_url
from mainspring.core.errors import ApiError
from mainspring.core.ids import new_capability, new_id, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.core.queue import Queue
from mainspring.objects import RefusedFileError
from mainspring.records.accounts import Caller
from mainspring.records.catalog import Version

_QUIET_S = 15.0
_LOOK_S = 1.0
Line = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Who runs the example of which version, and who is told how it goes."""

    request: Request
    caller: Caller
    version: Version
    line: Line

    @property
    def ctx(self) -> Context:
        """The platform that it runs on."""
        return context(self.request)

    async def run(self, values: dict[str, Any]) -> str | None:
        """Run the model with these values, in which a Path is a file to give it, and show the model with that.

        The prediction's id; None when it did not succeed, and why is told. Canceled, it cancels the prediction.
        """
        made = await self._made(values)
        if made is None:
            return None
        self.line("Running its example")
        try:
            ended = await self._followed(made)
        except asyncio.CancelledError:
            await stop(self.request, made)
            raise
        if ended.status is not Status.SUCCEEDED:
            self.line(f"Its example is {ended.status.value}{f': {ended.error}' if ended.error else ''}")
            return None
        now = rfc3339(self.ctx.now())
        if not await self.ctx.discovery.examples.add(self.version.model, ended.id, now, default=True):
            return None
        self.ctx.catalog.forget()
        self.line(f"Its page opens with this example: {base_url(self.request)}/{self.version.model}")
        return ended.id

    async def _made(self, values: dict[str, Any]) -> Prediction | None:
        """The prediction; None when it is refused. Files become URLs that everybody can read."""
        ctx, version = self.ctx, self.version
        prediction_id, given, stored = new_id(ctx.now()), dict(values), list[str]()
        try:
            for name, file in values.items():
                if isinstance(file, Path):
                    folder = f"outputs/{prediction_id}/{new_capability()}"
                    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                    kept = await ctx.objects.adopt(f"{folder}/{file.name}", file, kind, within=file.parent)
                    stored.append(kept.key)
                    given[name] = f"{base_url(self.request)}/{folder}/{quote(file.name)}"
            order = Order(
                self.caller, version, Queue(version.model, version.id), CreateBody(input=given), b""
            )
            return await make_prediction(self.request, order, called=prediction_id)
        except (ApiError, RefusedFileError) as error:
            self.line(f"Its example can't be run: {str(error).strip()}")
            for key in stored:
                await ctx.objects.delete(key)
            return None

    async def _followed(self, made: Prediction) -> Prediction:
        """The ended prediction; of one that this process won't see end, what is known. How it goes is told."""
        ctx, began, quiet, said = self.ctx, time.monotonic(), 0.0, ""
        while True:
            live = ctx.feed.get(made.id)
            ended = await live.ended(_LOOK_S) if live is not None else None
            now = ended or await ctx.predictions.get(made.id) or made
            if now.status.terminal or live is None or live.abandoned:
                return now
            passed = time.monotonic() - began
            if now.status != said or passed - quiet >= _QUIET_S:
                said, quiet = now.status, passed
                self.line(
                    f"Its example is {now.status.value}" + (f", {passed:.0f} s" if passed >= _QUIET_S else "")
                )
