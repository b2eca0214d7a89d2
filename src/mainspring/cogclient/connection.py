"""A keep-alive HTTP/1.1 connection to one instance: one request at a time, answered by a body or events."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import httptools

from mainspring.cogclient.events import Event, EventStream, refusal
from mainspring.core.errors import InstanceLost

_BREATH_S, _MANY_READS = 0.002, 16
_QUICKACK = getattr(socket, "TCP_QUICKACK", socket.TCP_NODELAY)


class Connection(asyncio.Protocol):
    """One request at a time: bytes in, the body or batches of events out."""

    def __init__(self, on_lost: Callable[[Connection], None]) -> None:
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._read_at = 0.0
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._received = bytearray()
        self._stream = EventStream()
        self._events: list[Event] = []
        self._fault: InstanceLost | None = None
        self._then: Callable[[Connection], None] | None = None
        self._streams = self._complete = self._kept_alive = False
        self._fast_reads = 0
        self.status = 0

    @property
    def told(self) -> bool:
        """Whether the last event has come, though perhaps not the end of the response."""
        return self._stream.ended and self._transport is not None

    @property
    def reusable(self) -> bool:
        """Whether the last response was read to its end and the connection may carry another request."""
        return self._kept_alive and self._transport is not None

    async def send(self, request: bytes) -> None:
        """Write a request and wait until its response begins to tell something. Raises InstanceLost."""
        self._begin()
        if self._transport is not None:
            self._transport.write(request)
        while not self.status:
            await self._more()

    async def body(self) -> bytes:
        """The whole body of the response. Raises InstanceLost."""
        while not self._complete:
            await self._more()
        return bytes(self._received)

    async def events(self) -> list[Event]:
        """The next events; none after the last one, though the end of the response may follow.

        Raises InstanceLost.
        """
        if self.status != 200:
            return [] if self.told else self._refused(await self.body())
        while not self._events:
            if self._fault is not None:
                raise self._fault
            if self._stream.ended:
                return []
            await self._more()
        events, self._events = self._events, []
        return events

    def _refused(self, body: bytes) -> list[Event]:
        self._stream.ended = True
        return [refusal(self.status, body)]

    def when_complete(self, then: Callable[[Connection], None]) -> None:
        """Call `then` once the response that has told everything has ended, unless the connection is lost first."""
        self._then = then

    async def _more(self) -> None:
        """Wait for something new. Raises InstanceLost once the connection is gone and all was read."""
        if self._transport is None:
            raise InstanceLost("The connection to the model was lost")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()
            self.connection_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._socket = socket.socket(fileno=transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        # coglet leaves Nagle's algorithm on: its next token waits for this acknowledgement, up to 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()
        if self._events or self._complete or self._fault or not self._streams:
            self._wake()
        if self._streams and not self._complete:
            self._breathe()
        if self._complete and self._then is not None:
            then, self._then = self._then, None
            then(self)

    def _breathe(self) -> None:
        """Read less often from a stream that comes very fast: each read costs more than the token in it."""
        loop = asyncio.get_running_loop()
        since, self._read_at = loop.time() - self._read_at, loop.time()
        self._fast_reads = self._fast_reads + 1 if since < _BREATH_S * 2 else 0
        if self._fast_reads > _MANY_READS and self._transport is not None:
            self._transport.pause_reading()
            loop.call_later(_BREATH_S, self._go_on, self._transport)

    def _go_on(self, transport: asyncio.Transport) -> None:
        if transport is self._transport and not transport.is_reading():
            transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._socket.detach()
        self._on_lost(self)
        self._wake()

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        if value.startswith(b"text/event-stream"):
            self._streams = True

    def on_body(self, body: bytes) -> None:
        if not self._streams:
            self._received += body
            return
        try:
            self._events += self._stream.feed(body)
        except InstanceLost as fault:
            self._fault = fault

    def on_message_complete(self) -> None:
        self._complete = True
        # Asked later, the parser has forgotten the message's headers and says no.
        self._kept_alive = bool(self._parser.should_keep_alive())
