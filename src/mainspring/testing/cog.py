"""A server that speaks Cog and misbehaves on command."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

Model = Callable[["Run"], Awaitable[object]]


class ConnectionDrop(Exception):
    """Raised by a model to break the stream off."""


class WorkerCrash(Exception):
    """Raised by a model to end as one whose process died: failed now, unhealthy and busy ever after."""


@dataclass(frozen=True, slots=True)
class Run:
    """A prediction as the model sees it."""

    id: str
    input: dict[str, Any]
    body: dict[str, Any]
    _send: Callable[[str, dict[str, Any]], Awaitable[None]]
    _chunks: list[object] = field(default_factory=list)
    _logs: list[str] = field(default_factory=list)
    _metrics: dict[str, object] = field(default_factory=dict)

    async def output(self, *chunks: object) -> None:
        """Yield chunks."""
        for chunk in chunks:
            await self._send("output", {"chunk": chunk, "index": len(self._chunks)})
            self._chunks.append(chunk)

    async def log(self, text: str) -> None:
        """Print."""
        self._logs.append(text)
        await self._send("log", {"data": text, "source": "stdout"})

    async def metric(self, name: str, value: object, mode: str = "replace") -> None:
        """Record a metric; whatever the mode, the last value is in the final object."""
        self._metrics[name] = value
        await self._send("metric", {"mode": mode, "name": name, "value": value})

    def ended(self, status: str, returned: object = None, error: str | None = None) -> dict[str, Any]:
        """The final object: what the model returned, or else the chunks that it yielded."""
        output = returned if returned is not None else (self._chunks or None)
        head = {} if output is None else {"output": output}
        tail = {} if error is None else {"error": error}
        metrics = {**self._metrics, "predict_time": 0.001}
        return (
            {"id": self.id, "logs": "".join(self._logs), "metrics": metrics, "status": status} | head | tail
        )


async def echo(run: Run) -> object:
    """Return the input `text`."""
    return run.input.get("text")


@dataclass
class FakeCog:
    """Cog's dialect on a loopback port. Set its fields at any time to make it misbehave.

    status: what health says; a slow boot is STARTING until you set READY. setup_logs and error as in health.
    conflicts: how many runs it refuses with 409 first. refusal: (status, JSON) in place of each run.
    gate: runs wait on it before they do anything. awake: while it is cleared, it takes requests and says nothing, as
    a stopped process. deaf: paths that it never answers. garbled: (status, text or JSON) in place of its health.
    received: bodies by prediction id, in order; canceled and completed: ids. asked: how often, by path.
    headers: of the newest run, names in small letters.
    """

    model: Model = echo
    slots: int = 1
    status: str = "READY"
    setup_logs: str = ""
    error: str | None = None
    conflicts: int = 0
    refusal: tuple[int, object] | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    deaf: set[str] = field(default_factory=set)
    garbled: tuple[int, object] | None = None
    asked: Counter[str] = field(default_factory=Counter)
    received: dict[str, dict[str, Any]] = field(default_factory=dict)
    canceled: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    address: str = ""

    def __post_init__(self) -> None:
        self.gate.set()
        self.awake.set()
        self._running: dict[str, asyncio.Task[object]] = {}
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[object] | None] = {}
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; returns host:port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self.address

    async def close(self) -> None:
        """Stop listening and break every connection off, as a process does that is killed."""
        if self._server is not None:
            self._server.close()
        self.drop()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        serving = [task for task in self._connections.values() if task is not None]
        self._over.set()
        self.awake.set()
        await asyncio.gather(*running, *serving, return_exceptions=True)

    def drop(self) -> None:
        """Break all connections off; it goes on listening."""
        for writer in self._connections:
            writer.transport.abort()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until the condition holds; it is looked at whenever something happened here."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def running(self) -> list[str]:
        """Ids of the predictions in its slots."""
        return list(self._running)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request, *fields = head.decode().split("\r\n")
                method, path, _ = request.split(" ")
                lengths = [line[15:] for line in fields if line.lower().startswith("content-length:")]
                body = await reader.readexactly(int(lengths[0])) if lengths else b""
                if method == "PUT":
                    self.headers = {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields)}
                await self._answer(method, path, body, reader, writer)
                self._changed.set()
        except (ConnectionDrop, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._connections[writer]
            writer.transport.abort()
            self._changed.set()

    async def _answer(
        self, method: str, path: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        parts = path.strip("/").split("/")
        self.asked[path] += 1
        self._changed.set()
        await self.awake.wait()
        if path in self.deaf:
            await self._over.wait()
        elif path == "/":
            await _reply(writer, 200, {"cog_version": "0.23.1"})
        elif path == "/health-check" and self.garbled is not None:
            await _reply(writer, *self.garbled)
        elif path == "/health-check":
            setup = {"status": "succeeded", "logs": self.setup_logs}
            tail = {} if self.error is None else {"user_healthcheck_error": self.error}
            await _reply(writer, 200, {"status": self.status, "setup": setup, **tail})
        elif method == "POST" and parts[-1] == "cancel":
            found = self._running.get(parts[1])
            if found is not None:
                found.cancel()
            await _reply(writer, 200 if found else 404, {})
        elif self.status not in ("READY", "BUSY", "UNHEALTHY"):
            await _reply(writer, 503, {"error": "Setup has not finished yet.", "status": "failed"})
        elif self.refusal is not None:
            await _reply(writer, *self.refusal)
        elif self.conflicts or len(self._running) >= self.slots:
            self.conflicts = max(0, self.conflicts - 1)
            busy = {"error": "At capacity - all prediction slots busy", "status": "failed"}
            await _reply(writer, 409, busy)
        else:
            await self._run(parts[1], json.loads(body), reader, writer)

    async def _run(
        self,
        prediction_id: str,
        body: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        async def send(name: str, data: dict[str, Any]) -> None:
            await self.awake.wait()
            event = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()

        run = Run(prediction_id, body.get("input", {}), body, send)
        self.received[prediction_id] = body
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        await send("start", {"id": prediction_id, "status": "processing"})
        work = self._running[prediction_id] = asyncio.ensure_future(self._work(run))
        left = asyncio.ensure_future(reader.read(1))
        left.add_done_callback(lambda gone: work.cancel() if not gone.cancelled() else None)
        self._changed.set()
        try:
            final = await self._outcome(run, work)
        finally:
            left.cancel()
            await asyncio.wait([left])
            del self._running[prediction_id]
        await send("completed", final)
        writer.write(b"0\r\n\r\n")

    async def _work(self, run: Run) -> object:
        await self.gate.wait()
        return await self.model(run)

    async def _outcome(self, run: Run, work: asyncio.Task[object]) -> dict[str, Any]:
        try:
            returned = await work
        except asyncio.CancelledError:
            self.canceled.append(run.id)
            return run.ended("canceled")
        except ConnectionDrop:
            raise
        except WorkerCrash:
            self.status, self.error = (
                "UNHEALTHY",
                "Healthcheck error: protocol error: healthcheck channel closed",
            )
            self.slots = 0
            return run.ended("failed", error="Worker crashed")
        except Exception as error:
            text = f"Prediction failed: Prediction failed: {type(error).__name__}: {error}"
            return run.ended("failed", error=text)
        self.completed.append(run.id)
        return run.ended("succeeded", returned)


async def _reply(writer: asyncio.StreamWriter, status: int, body: object) -> None:
    payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
    writer.write(head.encode() + payload)
    await writer.drain()
