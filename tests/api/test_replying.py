"""Replies on a real socket: a head travels with the first of its body, and never waits for a body that comes later."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from mainspring.listeners import serving_on
from mainspring.services.certificates import ensure_certificates, local_names

ASKED = b"GET / HTTP/1.1\r\nHost: box\r\n\r\n"


@asynccontextmanager
async def served(app: ASGIApp, root: Path) -> AsyncIterator[socket.socket]:
    """The application behind the platform's HTTP listener, and a client's socket."""
    found = ensure_certificates(root, local_names("127.0.0.1"))
    server, _ = serving_on(app, found.cert_file, found.key_file)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    client = socket.socket()
    client.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(client, listener.getsockname())
        yield client
    finally:
        client.close()
        server.should_exit = True
        await serving


async def ask(client: socket.socket) -> bytes:
    """What comes first."""
    await asyncio.get_running_loop().sock_sendall(client, ASKED)
    return await asyncio.get_running_loop().sock_recv(client, 1 << 16)


@pytest.mark.parametrize("body", [b"hello", b"HTTP/1.1 200 OK\r\n\r\nno head at all", b""])
async def test_a_short_reply_is_one_packet(tmp_path: Path, body: bytes) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        length = str(len(body)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})

    async with served(app, tmp_path) as client:
        for _ in range(3):
            came = await ask(client)
            assert came.startswith(b"HTTP/1.1 200 OK\r\n")
            assert came.endswith(b"\r\n\r\n" + body)


async def test_the_head_of_a_stream_is_there_before_its_first_event(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await begun.wait()
        for piece in (b"one", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with served(app, tmp_path) as client:
        came = await asyncio.wait_for(ask(client), 10)
        assert came.endswith(b"\r\n\r\n")
        begun.set()
        while not came.endswith(b"0\r\n\r\n"):
            came += await asyncio.get_running_loop().sock_recv(client, 1 << 16)
        assert came.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


async def test_what_is_no_request_is_refused_and_the_connection_ends(tmp_path: Path) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nobody asked")

    async with served(app, tmp_path) as client:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, b"what?\r\n\r\n")
        came = b""
        while data := await loop.sock_recv(client, 1 << 16):
            came += data
        assert came.startswith(b"HTTP/1.1 400 Bad Request\r\n")
