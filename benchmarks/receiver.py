"""A receiver of webhooks that costs almost nothing: `python -m benchmarks.receiver`; prints its port.

Every POST is answered 200 and counted by the value of its webhook-id; GET answers with how many there were of these.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools
import uvloop


class _Receiver(asyncio.Protocol):
    """One connection. seen: ids of all of them."""

    def __init__(self, seen: set[bytes]) -> None:
        self._seen = seen
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"webhook-id":
            self._seen.add(value)

    def on_message_complete(self) -> None:
        count = b"%d" % len(self._seen) if self._parser.get_method() == b"GET" else b""
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(count), count))


async def _main() -> None:
    seen: set[bytes] = set()
    server = await asyncio.get_running_loop().create_server(lambda: _Receiver(seen), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main())
