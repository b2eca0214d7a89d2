"""Posts to receivers that nobody vouches for: vetted addresses, no redirects, a time limit, connections kept."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import cast

import httptools

from mainspring.core.egress import Egress, RefusedTarget, Target, check_webhook_address
from mainspring.core.errors import MainspringError
from mainspring.core.webhooks import signature
from mainspring.services.addresses import Resolver

_IDLE_S = 30.0
_LONGEST_REPLY = 1 << 16


class NotPosted(MainspringError):
    """There was no answer."""


def signed(
    target: Target,
    body: bytes,
    keys: Sequence[bytes],
    message_id: str,
    at: datetime,
    more: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """A JSON webhook as it goes over the wire, signed by each key (Standard Webhooks). more: further headers."""
    stamp = int(at.timestamp())
    named = {"Authorization": target.authorization} if target.authorization else {}
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: {target.authority}\r\nUser-Agent: Mainspring\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nwebhook-id: {message_id}\r\n"
        f"webhook-timestamp: {stamp}\r\nwebhook-signature: {signature(keys, message_id, stamp, body)}\r\n"
    )
    head += "".join(f"{name}: {value}\r\n" for name, value in {**more, **named}.items())
    return head.encode() + b"\r\n" + body


class Poster:
    """Sends requests and gives the status of what is answered. At most one request at a time on each connection."""

    def __init__(self, egress: Egress, timeout_s: float = 15.0) -> None:
        self._egress = egress
        self._timeout_s = timeout_s
        self._resolver = Resolver()
        self._idle: dict[tuple[str, str], list[_Connection]] = {}

    async def post(self, target: Target, request: bytes) -> int:
        """The status of the answer, whose body is thrown away. Raises NotPosted, in words for the sender."""
        idle = self._idle.setdefault((target.scheme, target.origin), [])
        try:
            return await self._post(target, request, idle)
        except TimeoutError as error:
            raise NotPosted(f"no answer within {self._timeout_s:g} s") from error
        except RefusedTarget as error:
            raise NotPosted(str(error)) from error
        except ssl.SSLError as error:
            raise NotPosted(f"TLS failed: {error.reason or error}") from error
        except OSError as error:
            raise NotPosted(f"not reached: {error.strerror or error}") from error

    def tidy(self) -> None:
        """Hang up on receivers that there was nothing for lately."""
        too_old = asyncio.get_running_loop().time() - _IDLE_S
        for key, connections in list(self._idle.items()):
            for connection in [c for c in connections if c.idle_since < too_old]:
                connection.close()
            if not connections:
                del self._idle[key]

    def close(self) -> None:
        """Hang up on everybody."""
        self._resolver.close()
        for connections in list(self._idle.values()):
            for connection in list(connections):
                connection.close()

    async def _post(self, target: Target, request: bytes, idle: list[_Connection]) -> int:
        until = asyncio.get_running_loop().time() + self._timeout_s
        while idle:
            try:
                return await self._ask(idle.pop(), idle, request, until)
            except ConnectionResetError:
                continue  # it had been hung up on while it was idle
        async with asyncio.timeout_at(until):
            connection = await self._connect(target, idle)
        return await self._ask(connection, idle, request, until)

    async def _ask(
        self, connection: _Connection, idle: list[_Connection], request: bytes, until: float
    ) -> int:
        try:
            status = await connection.ask(request, until)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            idle.append(connection)
        else:
            connection.close()
        return status

    async def _connect(self, target: Target, idle: list[_Connection]) -> _Connection:
        loop = asyncio.get_running_loop()
        found = await self._resolver.resolve(
            target.host, target.port, lambda address: check_webhook_address(address, target, self._egress)
        )
        secure = self._tls if target.scheme == "https" else None
        fault: OSError = OSError("the host has no address")
        for one in found:
            try:
                _, connection = await loop.create_connection(
                    lambda: _Connection(idle),
                    one.address,
                    one.port,
                    ssl=secure,
                    server_hostname=target.host if secure else None,
                )
            except OSError as error:
                fault = error
            else:
                return connection
        raise fault

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _Connection(asyncio.Protocol):
    """One connection to a receiver. idle: the list that it stands in between requests."""

    def __init__(self, idle: list[_Connection]) -> None:
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[int] | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._status = self._size = 0
        self.idle_since = 0.0
        self.reusable = False

    def ask(self, request: bytes, until: float) -> asyncio.Future[int]:
        """The status, once the answer is complete.

        Raises ConnectionResetError if the other side hangs up before, TimeoutError if the loop's clock passes `until`.
        """
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._limit = loop.call_at(until, self._tell, TimeoutError())
        self._status = self._size = 0
        self.reusable = False
        if self._transport is None:
            self._tell(ConnectionResetError("the connection was closed"))
        else:
            self._transport.write(request)
        return self._waiter

    def close(self) -> None:
        """Hang up."""
        if self._limit is not None:
            self._limit.cancel()
        if self in self._idle:
            self._idle.remove(self)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._tell(NotPosted("it does not speak HTTP"))
            self.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self.reusable = False
        if self in self._idle:
            self._idle.remove(self)
        self._tell(self._status or ConnectionResetError("the connection was closed"))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > _LONGEST_REPLY:
            self._tell(self._status)

    def on_message_complete(self) -> None:
        if self._status >= 200:
            self.reusable = self._size <= _LONGEST_REPLY and bool(self._parser.should_keep_alive())
            self.idle_since = asyncio.get_running_loop().time()
            self._tell(self._status)

    def _tell(self, answer: int | Exception) -> None:
        if self._limit is not None:
            self._limit.cancel()
        if self._waiter is None or self._waiter.done():
            return
        if isinstance(answer, int):
            self._waiter.set_result(answer)
        else:
            self._waiter.set_exception(answer)
