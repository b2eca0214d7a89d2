"""Replies that are told line by line, as newline-delimited JSON, while the work goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

from mainspring.core.errors import MainspringError

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
Say = Callable[[dict[str, Any]], None]


Work = Callable[[Say], Awaitable[dict[str, Any]]]


def told(work: Work, what: str, after: Callable[[], None] = lambda: None) -> StreamingResponse:
    """The lines that work says, then the one that it returns, or {"event": "error", "detail"}.

    Work is canceled when the client goes away. what: names it in the server's log. after: called in any case.
    """
    return StreamingResponse(_lines(work, what, after), media_type="application/x-ndjson")


async def _lines(work: Work, what: str, after: Callable[[], None]) -> AsyncIterator[bytes]:
    said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def run() -> None:
        try:
            said.put_nowait(await work(said.put_nowait))
        except MainspringError as error:
            said.put_nowait({"event": "error", "detail": str(error)})
        except Exception:
            log.exception("%s", what)
            detail = "The platform failed at this; the server's log says more."
            said.put_nowait({"event": "error", "detail": detail})
        finally:
            said.put_nowait(None)

    task = asyncio.create_task(run())
    try:
        while (line := await said.get()) is not None:
            yield _encode(line) + b"\n"
        await task
    finally:
        task.cancel()
        after()
