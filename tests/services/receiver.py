"""A receiver of webhooks in this process that answers as it is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def answer(status: int, *headers: str, body: str = "") -> bytes:
    head = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """answers: what to say to the next requests, then `otherwise`; an event is waited for first. None hangs up."""

    answers: list[bytes | asyncio.Event | None] = field(default_factory=list)
    otherwise: bytes = OK
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hook?a=b"

    async def until(self, count: int) -> list[Received]:
        async with asyncio.timeout(30):
            while len(self.received) < count:
                await asyncio.sleep(0.002)
        return self.received

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.received.append(Received(first.split(" ")[1], headers, body))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                reply = await self._reply()
                self.at_once -= 1
                if reply is None:
                    break
                writer.write(reply)
                if reply.startswith(b"HTTP/1.0"):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def _reply(self) -> bytes | None:
        found = self.answers.pop(0) if self.answers else self.otherwise
        if isinstance(found, asyncio.Event):
            await found.wait()
            return self.otherwise
        return found
