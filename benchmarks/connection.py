"""A client that costs almost nothing: blocking sockets that are kept open, and one select loop for many of them."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence

import httptools

LIMIT_S = 60
RETRY_S = 0.0002
TOKEN = "ms_benchmark0benchmark0benchmark0benchmark0"
_QUICKACK = getattr(socket, "TCP_QUICKACK", socket.TCP_NODELAY)


class Broken(Exception):
    """Something did not answer as it must: the run is void."""


class Connection:
    """One HTTP/1.1 connection to a port of this machine; one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), LIMIT_S)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", LIMIT_S, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.body = bytearray()
        self.headed = self.complete = False

    @property
    def status(self) -> int:
        """The status of the response."""
        return int(self._parser.get_status_code())

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        """Write a request; its response is yet to be received. A server may have hung up on an idle connection."""
        if select.select([self._socket], [], [], 0)[0]:
            self.close()
            self._connect()
        self._begin()
        self._socket.sendall(request)

    def receive(self) -> None:
        """Take what has come. Raises Broken when the connection ended or said nothing for a minute."""
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError as error:
            raise Broken(f"no answer within {LIMIT_S} s") from error
        if not data:
            raise Broken("the connection was closed")
        self._parser.feed_data(data)

    def ask(self, request: bytes) -> bytes:
        """The body of the response."""
        self.send(request)
        while not self.complete:
            self.receive()
        return bytes(self.body)

    def until(self, mark: bytes) -> float:
        """Receive until the body has mark in it; the moment when it had."""
        while mark not in self.body:
            if self.complete:
                raise Broken(f"{self.status}: no {mark!r} in {bytes(self.body[-500:])!r}")
            self._receive_at_once()
        return time.perf_counter()

    def wait_for_status(self) -> None:
        """Receive until the head of the response is there."""
        while not self.headed:
            self._receive_at_once()

    def rest(self) -> bytes:
        """Receive until the response is over; its whole body."""
        while not self.complete:
            self._receive_at_once()
        return bytes(self.body)

    def _receive_at_once(self) -> None:
        # A server that leaves Nagle's algorithm on waits for the acknowledgement of what it sent before.
        self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        self.receive()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self.headed = True

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self.body += body

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.complete = True


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of a request with the token in it."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def check(connection: Connection, *wanted: bytes) -> None:
    """Raises Broken unless the response is good and has every wanted piece."""
    if connection.status not in (200, 201) or any(piece not in connection.body for piece in wanted):
        raise Broken(f"{connection.status}: {bytes(connection.body[:500])!r}")


def succeed(connection: Connection, make: Callable[[], bytes]) -> float:
    """Ask for one prediction until it is not refused for want of a slot; seconds until its result."""
    began = time.perf_counter()
    connection.ask(make())
    while connection.status == 409:
        time.sleep(RETRY_S)
        connection.ask(make())
    took = time.perf_counter() - began
    check(connection, b'"status":"succeeded"')
    return took


def load(connections: Sequence[Connection], make: Callable[[], bytes], seconds: float) -> float:
    """Predictions per second with every connection always busy; one that is refused asks again after RETRY_S."""
    refused: deque[tuple[float, Connection]] = deque()
    asking = set(connections)
    for connection in connections:
        connection.send(make())
    done, began = 0, time.perf_counter()
    now, until = began, began + seconds
    while asking or refused:
        for connection in _ready(asking, refused[0][0] - now if refused else LIMIT_S):
            connection.receive()
            if not connection.complete:
                continue
            if connection.status == 409:
                asking.discard(connection)
                refused.append((time.perf_counter() + RETRY_S, connection))
                continue
            check(connection, b'"status":"succeeded"')
            done += 1
            if now < until:
                connection.send(make())
            else:
                asking.discard(connection)
        now = time.perf_counter()
        while refused and refused[0][0] <= now:
            _, connection = refused.popleft()
            connection.send(make())
            asking.add(connection)
    return done / (now - began)


def _ready(asking: set[Connection], timeout_s: float) -> list[Connection]:
    """Those that have something to receive. select, because its timeouts are finer than epoll's."""
    found: list[Connection] = select.select(asking, [], [], max(0.0, timeout_s))[0]
    return found
