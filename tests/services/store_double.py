"""A real S3-compatible server on a loopback port, and a road to it that stops, breaks or spoils on command."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping

import obstore
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from obstore.store import S3Store

BUCKET = "models"


class Road:
    """A TCP relay. Answers pass until `most` bytes of one went by; then it waits (hold) or breaks, `times` times.

    spoil: bytes that arrive as others, of the same length. asked: (path, first byte wanted) of every GET of an object.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.most, self.times, self.hold = 0, 0, False
        self.spoil: tuple[bytes, bytes] | None = None
        self.asked: list[tuple[str, int]] = []
        self.held, self.go = threading.Event(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take nobody any more."""
        self.go.set()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                for work in (self._there, self._back):
                    threading.Thread(target=work, args=(near, far), daemon=True).start()

    def _there(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(1 << 16):
                if found := re.match(rb"GET (/[^?\s]+/[^?\s]+) HTTP", data):
                    begin = re.search(rb"range: bytes=(\d+)-", data, re.IGNORECASE)
                    self.asked.append((found[1].decode(), int(begin[1]) if begin else 0))
                far.sendall(data)
        self._end(near, far)

    def _back(self, near: socket.socket, far: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := far.recv(1 << 16):
                passed += len(data)
                if self.times and passed > self.most:
                    self.times -= 1
                    self.held.set()
                    if not self.hold:
                        break
                    self.go.wait()
                near.sendall(data.replace(*self.spoil) if self.spoil else data)
        self._end(near, far)

    @staticmethod
    def _end(*ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class StoreDouble:
    """The server, with a bucket; put() fills it. environ: what its user's environment holds."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        _, port = self._server.get_host_and_port()
        self._direct = f"http://127.0.0.1:{port}"
        self.road = Road(port)
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(
                f"PUT /{BUCKET} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            assert b" 200 " in link.recv(1 << 12)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "s3-secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.road.port}",
        }

    def put(self, prefix: str, files: Mapping[str, bytes], part: int | None = None) -> None:
        """part: size of the parts that large ones are uploaded in."""
        store = S3Store(
            BUCKET,
            prefix=prefix,
            endpoint=self._direct,
            region="us-east-1",
            access_key_id="x",
            secret_access_key="x",
            client_options={"allow_http": True},
        )
        for name, content in files.items():
            obstore.put(store, name, content, use_multipart=part is not None, chunk_size=part or 5 << 20)

    def forget(self) -> None:
        """Begin a test."""
        self.road.most, self.road.times, self.road.hold, self.road.spoil = 0, 0, False, None
        self.road.asked.clear()
        self.road.held.clear()
        self.road.go.clear()

    def close(self) -> None:
        self.road.close()
        self._server.stop()


@contextlib.contextmanager
def running_store() -> Iterator[StoreDouble]:
    """The store, listening. Its server wants credentials of its own in this process; they stay here."""
    before = {name: os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    store = StoreDouble()
    try:
        yield store
    finally:
        store.close()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
