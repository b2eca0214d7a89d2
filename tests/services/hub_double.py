"""A model hub on a loopback port, with storage behind a redirect, that breaks off and lies on command."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class HubDouble:
    """files: content by "repository/file". What is large enough to break off is sent in small pieces.

    cut: bytes after which each request ends, until that was done `cuts` times. wrong: files that come with other
    bytes, and how often. refuse: status for every file. hold: after the first piece of a large file, wait for it.
    asked: (file, Range).
    """

    files: dict[str, bytes] = field(default_factory=dict)
    revision: str = "a" * 40
    cut: int = 0
    cuts: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    refuse: int = 0
    ranges: bool = True
    hold: asyncio.Event | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    async def resolve(self, request: web.Request) -> web.Response:
        name = f"{request.match_info['owner']}/{request.match_info['name']}/{request.match_info['file']}"
        self.tokens.append(("hub", request.headers.get("Authorization", "")))
        if self.refuse:
            return web.Response(status=self.refuse)
        if name not in self.files or request.match_info["revision"] != self.revision:
            return web.Response(status=404)
        content = self.files[name]
        if name.endswith(".json"):
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            self.asked.append((name, request.headers.get("Range", "")))
            return web.Response(body=self._body(name), headers={"ETag": f'"{git}"'})
        headers = {"X-Linked-ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        # Another host name is another origin: what is meant for the hub must not follow.
        storage = self.url.replace("127.0.0.1", "localhost")
        return web.Response(status=302, headers={**headers, "Location": f"{storage}/storage/{name}"})

    async def storage(self, request: web.Request) -> web.StreamResponse:
        name, wanted = request.match_info["name"], request.headers.get("Range", "")
        self.asked.append((name, wanted))
        self.tokens.append(("storage", request.headers.get("Authorization", "")))
        content = self._body(name)
        begin = int(wanted.removeprefix("bytes=").removesuffix("-") or 0) if self.ranges else 0
        if begin >= len(content):
            return web.Response(status=416)
        response = web.StreamResponse(status=206 if begin else 200)
        response.content_length = len(content) - begin
        await response.prepare(request)
        await self._send(request, response, content[begin:])
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse, content: bytes) -> None:
        step = max(1, len(content) // 16)
        for at in range(0, len(content), step):
            if self.cuts and at >= self.cut:
                self.cuts -= 1
                assert request.transport is not None
                request.transport.close()
                return
            try:
                await response.write(content[at : at + step])
            except ConnectionError:
                return
            if self.hold is not None and step > 1000:
                self.held.set()
                await self.hold.wait()

    def _body(self, name: str) -> bytes:
        if self.wrong.get(name):
            self.wrong[name] -= 1
            return bytes(byte ^ 1 for byte in self.files[name])
        return self.files[name]


@contextlib.asynccontextmanager
async def running(hub: HubDouble) -> AsyncIterator[HubDouble]:
    """The hub, listening."""
    app = web.Application()
    app.router.add_get("/{owner}/{name}/resolve/{revision}/{file:.+}", hub.resolve)
    app.router.add_get("/storage/{name:.+}", hub.storage)
    server = web.AppRunner(app, shutdown_timeout=0)
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    hub.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    yield hub
    if hub.hold is not None:
        hub.hold.set()
    await server.cleanup()
