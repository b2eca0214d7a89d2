"""The one client of Cog's HTTP API. What coglet gets wrong is put right here, and nowhere else.

A run is one request, `PUT /predictions/{id}` answered by server-sent events; it lives as long as its reader:
closing the iterator drops the connection, and coglet then cancels the prediction.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec

from mainspring.cogclient.connection import Connection
from mainspring.cogclient.events import Completed, Event, Log, Metric, Output, setup_error
from mainspring.core.errors import InstanceLost, MainspringError

__all__ = [
    "HEALTH_TIMEOUT_S",
    "AtCapacity",
    "CogClient",
    "Completed",
    "Event",
    "Health",
    "Log",
    "Metric",
    "NotCog",
    "Output",
]

CONNECT_TIMEOUT_S = 5.0
HEALTH_TIMEOUT_S = 20.0
CAPACITY_PATIENCE_S = 0.25

# The first and the third are what a question hears that was under way as it died; the second is for ever.
_WORKER_LOST = re.compile(
    r"Worker crashed$|Healthcheck error: protocol error: healthcheck (?:channel closed|response channel dropped)$"
)
_AUTHOR_LINE = re.compile(r"^\[coglet::(?:setup|user)\] (?!<string>:\d+: DeprecationWarning: )(.*)$")
_COGLET_LINE = re.compile(r"^\[coglet")


class AtCapacity(MainspringError):
    """All slots of the instance are taken."""


class NotCog(MainspringError):
    """What answers there is not Cog's server."""


class Health(msgspec.Struct, frozen=True):
    """status: STARTING, READY, BUSY, SETUP_FAILED, UNHEALTHY or DEFUNCT; logs: the author's setup output."""

    status: str
    logs: str = ""
    error: str | None = None

    @property
    def worker_lost(self) -> bool:
        """Whether the process that runs the model is gone for good; coglet never starts another."""
        return self.status == "DEFUNCT" or (
            self.status == "UNHEALTHY" and _WORKER_LOST.match(self.error or "") is not None
        )

    @property
    def stalled(self) -> bool:
        """Whether the process that runs the model did not answer coglet for 10 s. It may hold the interpreter."""
        return self.status == "UNHEALTHY" and self.error == "healthcheck timed out"


class _Setup(msgspec.Struct):
    logs: str = ""


class _HealthReply(msgspec.Struct):
    status: str
    setup: _Setup | None = None
    user_healthcheck_error: str | None = None


_health_reply = msgspec.json.Decoder(_HealthReply).decode


class CogClient:
    """Speaks to one instance, over connections that are kept open. address: host:port."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._head = f" HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()

    async def health(self, patience_s: float = HEALTH_TIMEOUT_S) -> Health:
        """What the instance says of itself.

        Raises InstanceLost if nothing listens, NotCog if something else answers, and TimeoutError if nothing does
        within patience_s. A server that answers may take 20 s for this: coglet asks the process of the model first,
        which answers late, though it is well, while it holds the interpreter.
        """
        asked = asyncio.ensure_future(self._exchange("GET", "/health-check", b""))
        try:
            async with asyncio.timeout(max(patience_s, HEALTH_TIMEOUT_S)):
                await asyncio.wait((asked,), timeout=patience_s / 2)
                if not asked.done():
                    await self._answers(asked, patience_s / 2)
                return _health(*await asked)
        finally:
            asked.cancel()

    async def _answers(self, asked: asyncio.Future[tuple[int, bytes]], patience_s: float) -> None:
        """Make sure that the server answers anything; the root it answers without its model."""
        root = asyncio.ensure_future(self._exchange("GET", "/", b""))
        try:
            done, _ = await asyncio.wait(
                (asked, root), timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise TimeoutError
            if asked not in done:
                root.result()
        finally:
            root.cancel()

    async def cancel(self, prediction_id: str) -> bool:
        """Ask for the end of a running prediction; whether it was running. Raises InstanceLost."""
        status, _body = await self._exchange("POST", f"/predictions/{prediction_id}/cancel", b"")
        return status == 200

    async def run(
        self, prediction_id: str, body: bytes, trace: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Run a prediction; yields all events that have arrived since the last time, Completed last.

        body: JSON with `input`. trace: headers of the span that it is part of; Cog has them, and the model in its
        `current_scope().context`. Raises AtCapacity when no slot gets free within 250 ms, and InstanceLost when
        the model process or the connection dies; the model's own exception is a Completed with status failed.
        """
        if trace:
            body = b'{"context":' + msgspec.json.encode(trace) + b"," + body[1:]
        connection = await self._started(prediction_id, body, trace)
        try:
            while events := await connection.events():
                yield events
        finally:
            self._release(connection)

    async def close(self) -> None:
        """Drop all connections; what still runs is canceled by coglet."""
        for connection in list(self._open):
            connection.abort()
        self._idle.clear()

    async def _started(
        self, prediction_id: str, body: bytes, trace: Mapping[str, str] | None = None
    ) -> Connection:
        """Send until it is not refused: a slot is handed back a moment after its last response."""
        clock = asyncio.get_running_loop().time
        more = "".join(f"{name}: {value}\r\n" for name, value in (trace or {}).items())
        deadline, delay = clock() + CAPACITY_PATIENCE_S, 0.0
        while True:
            connection = await self._send(
                "PUT", f"/predictions/{prediction_id}", body, "text/event-stream", more
            )
            if connection.status != 409:
                return connection
            await self._drained(connection)
            if clock() >= deadline:
                break
            await asyncio.sleep(delay)
            delay = min(max(0.001, delay * 1.5), 0.02)
        raise await self._why_full()

    async def _why_full(self) -> MainspringError:
        try:
            health = await self.health(CONNECT_TIMEOUT_S)
        except (TimeoutError, NotCog):
            return InstanceLost("The instance took no run and did not say why.")
        return InstanceLost(health.error) if health.worker_lost else AtCapacity()

    async def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        connection = await self._send(method, path, body, "application/json")
        return connection.status, await self._drained(connection)

    async def _drained(self, connection: Connection) -> bytes:
        try:
            return await connection.body()
        finally:
            self._release(connection)

    async def _send(self, method: str, path: str, body: bytes, accept: str, more: str = "") -> Connection:
        """Send a request and wait for the head of its response. more: lines of further headers."""
        head = f"{method} {path}{self._head}Accept: {accept}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        while True:
            reused = bool(self._idle)
            connection = self._idle.pop() if reused else await self._connect()
            try:
                await connection.send(request)
            except InstanceLost:
                # A kept connection may have been closed just now, before the request was read.
                if not reused or connection.status:
                    raise
            except BaseException:
                connection.abort()
                raise
            else:
                return connection

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._forget), self._host, self._port
                )
        except OSError as error:
            raise InstanceLost(f"The instance can't be reached: {error}") from error
        self._open.add(connection)
        return connection

    def _release(self, connection: Connection) -> None:
        if connection.reusable:
            self._idle.append(connection)
        elif connection.told:
            connection.when_complete(self._release)
        else:
            connection.abort()

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


def _health(status: int, body: bytes) -> Health:
    try:
        reply = _health_reply(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise NotCog(f"A health check was answered with {status} and something that is not Cog's") from error
    logs = reply.setup.logs if reply.setup else ""
    if reply.status == "SETUP_FAILED":
        return Health(reply.status, "", setup_error(logs))
    return Health(reply.status, _author_lines(logs), reply.user_healthcheck_error)


def _author_lines(logs: str) -> str:
    """Setup logs without coglet's own lines; a line without a mark continues the one before it."""
    kept: list[str] = []
    within = False
    for line in logs.splitlines():
        found = _AUTHOR_LINE.match(line)
        if found or _COGLET_LINE.match(line):
            within = found is not None
        if within:
            kept.append(f"{found[1] if found else line}\n")
    return "".join(kept)
