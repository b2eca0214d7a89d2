"""How replies leave: the head of one goes out together with the first of its body.

uvicorn writes them one after the other. On a socket without Nagle's algorithm that is two packets, and two wake-ups of
whoever waits; of a short reply it is most of what the reply costs.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1.1 "


class Replies(HttpToolsProtocol):
    """uvicorn's protocol over a transport that joins what belongs together."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(cast("asyncio.Transport", _Joining(transport, self.loop)))


class _Joining:
    """A transport that holds the head of a reply back until more is written, at most until the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._flushing: asyncio.Handle | None = None

    def write(self, data: bytes) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
            self._transport.writelines((self._head, data))
        elif data.startswith(_HEAD):
            self._head, self._flushing = data, self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        self._flushing = None
        self._transport.write(self._head)

    def close(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
