"""Server-sent events of one prediction: output, error, done. Whoever has the URL may read it.

Each event has an id, `<unix second>:<n>` with n from 0, so that a reader resumes by Last-Event-ID. A reader that
comes late gets everything from the start.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mainspring.api.context import Context, context
from mainspring.api.operation import Operation
from mainspring.api.wire import base_url
from mainspring.core.errors import NotFound
from mainspring.core.ids import parse_time
from mainspring.core.prediction import Prediction, Status
from mainspring.core.schema import OutputKind
from mainspring.records.feed import Live
from mainspring.records.rendering import MARK, with_urls

_LOOK_AGAIN_S = 0.25
_GATHER_S = 0.005
_string = msgspec.json.Decoder(str).decode
_KEEP_ALIVE_S = 15.0
_CAPABILITY = re.compile(r"([0-9a-z]{26})-([0-9a-f]{64})")
_LINE_END = re.compile(r"\r\n|\n|\r")
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Access-Control-Allow-Origin": "*"}


class _StreamConvertor(Convertor[str]):
    """Tells a stream's capability from a file's id."""

    regex = "[0-9a-z]{26}-[0-9a-f]{64}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("stream", _StreamConvertor())


class StreamHeaders(msgspec.Struct, rename={"last_event_id": "Last-Event-ID"}):
    """Where to go on."""

    last_event_id: Annotated[
        str | None, Meta(description="Id of the last event that was read; those after it are sent.")
    ] = None


async def stream(request: Request) -> Response:
    """GET /streams/{id}-{proof}; /files/{id}-{proof} where each piece is a file, as clients expect."""
    ctx = context(request)
    found = _CAPABILITY.fullmatch(request.path_params["capability"])
    if found is None or not ctx.vault.proves(found[2], f"stream {found[1]}"):
        raise NotFound
    prediction = await ctx.predictions.get(found[1])
    if prediction is None:
        raise NotFound
    version = await ctx.catalog.get_version(prediction.model, prediction.version)
    kind = ctx.catalog.output_kind(version) if version else OutputKind(False, False, False)
    events = _Reader(ctx, prediction, kind, base_url(request)).events(_resume_at(request))
    return _EventStream(events)


class _EventStream(Response):
    """Sends what the iterator gives until its end or the client's; lighter than a task group for each reader."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(media_type="text/event-stream", headers=_HEADERS)
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reading = asyncio.current_task()
        assert reading is not None
        leaving = asyncio.create_task(_disconnected(receive))
        leaving.add_done_callback(lambda done: None if done.cancelled() else reading.cancel())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for event in self._events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError:
            if not leaving.done():
                raise
        finally:
            leaving.cancel()
            await self._events.aclose()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Reader:
    """One client that reads along, from memory while the prediction runs here, else from the ledger."""

    def __init__(self, ctx: Context, prediction: Prediction, kind: OutputKind, base: str) -> None:
        self._ctx = ctx
        self._prediction = prediction
        self._kind = kind
        self._base = base
        self._stamp = int(parse_time(prediction.created_at).timestamp())

    async def events(self, position: int) -> AsyncGenerator[bytes, None]:
        """The stream from event number `position` on."""
        opened = True
        yield b": hi\n\n"
        live = self._ctx.feed.get(self._prediction.id)
        async for chunks, final in self._remembered(live) if live is not None else self._recorded():
            fresh = chunks[position:]
            if fresh:
                yield b"".join(self._event("output", n, self._text(c)) for n, c in enumerate(fresh, position))
                position += len(fresh)
            elif final is None and not opened:
                yield b": still here\n\n"
            opened = False
            if final is not None:
                yield self._farewell(final, len(chunks))

    async def _remembered(self, live: Live) -> AsyncIterator[tuple[Sequence[bytes], Prediction | None]]:
        """All chunks so far, at each change and now and then without one; the last look has the end.

        What comes faster than every few milliseconds is gathered: a write costs more than a token.
        """
        clock, told, told_at = asyncio.get_running_loop().time, 0, 0.0
        while True:
            if (early := told_at + _GATHER_S - clock()) > 0 and live.final is None:
                await asyncio.sleep(early)
            if len(live.chunks) != told:
                told, told_at = len(live.chunks), clock()
            final, chunks = live.final, live.chunks
            if final is not None and not (self._kind.iterator and chunks):
                chunks = self._pieces(final)
            yield chunks, final
            if final is not None or live.abandoned:
                return
            if len(live.chunks) == len(chunks) and live.final is None:
                await live.changed(_KEEP_ALIVE_S)

    async def _recorded(self) -> AsyncIterator[tuple[Sequence[bytes], Prediction | None]]:
        quiet_s, seen = _KEEP_ALIVE_S, 0
        while True:
            prediction = await self._ctx.predictions.get(self._prediction.id) or self._prediction
            if prediction.status.terminal:
                yield self._pieces(prediction), prediction
                return
            said = await self._ctx.progress.said(prediction.id, prediction.attempt)
            chunks = [c for text, _ in said for c in _elements(text)] if self._kind.iterator else []
            if len(chunks) != seen or quiet_s >= _KEEP_ALIVE_S:
                quiet_s, seen = 0.0, len(chunks)
                yield chunks, None
            await asyncio.sleep(_LOOK_AGAIN_S)
            quiet_s += _LOOK_AGAIN_S

    def _pieces(self, ended: Prediction) -> list[bytes]:
        if ended.output is None or ended.output == "null":
            return []
        if self._kind.iterator and ended.output.startswith("["):
            return _elements(ended.output)
        return [ended.output.encode()]

    def _text(self, chunk: bytes) -> str:
        """A string as it is, files as URLs, other JSON as its text."""
        if MARK in chunk:
            chunk = with_urls(chunk.decode(), self._base)
        return _string(chunk) if chunk[:1] == b'"' else chunk.decode()

    def _event(self, name: str, number: int, text: str) -> bytes:
        data = "\ndata: ".join(_LINE_END.split(text)) if "\n" in text or "\r" in text else text
        return f"event: {name}\nid: {self._stamp}:{number}\ndata: {data}\n\n".encode()

    def _farewell(self, final: Prediction, position: int) -> bytes:
        if final.status is Status.SUCCEEDED:
            return self._event("done", position, "{}")
        if final.status is Status.FAILED:
            told = self._event("error", position, json.dumps({"detail": final.error}))
            return told + self._event("done", position + 1, '{"reason": "error"}')
        return self._event("done", position, '{"reason": "canceled"}')


def _elements(array: str) -> list[bytes]:
    return [bytes(one) for one in msgspec.json.decode(array, type=list[msgspec.Raw])]


def _resume_at(request: Request) -> int:
    """The number of the first event that the client lacks."""
    number = request.headers.get("last-event-id", "").rpartition(":")[2]
    return int(number) + 1 if number.isdecimal() else 0


operations = [
    Operation(
        method="GET",
        path="/streams/{capability}",
        handler=stream,
        id="streams.get",
        scope=None,
        summary="A prediction's output as server-sent events",
        about="The URL is `urls.stream` of a prediction. Events: `output`, `error`, `done`; `Last-Event-ID` resumes.",
        headers=StreamHeaders,
        reply="text/event-stream",
        open=True,
        ours=True,
    ),
    Operation(
        method="GET",
        path="/files/{capability:stream}",
        handler=stream,
        id="streams.files.get",
        scope=None,
        summary="A prediction's output files as server-sent events",
        reply="text/event-stream",
        open=True,
        documented=False,
        ours=True,
    ),
]
