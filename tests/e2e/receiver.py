"""A receiver of webhooks in a process of its own: `python -m tests.e2e.receiver PORT FILE`.

The path says how it behaves: /ok; /slow answers after half a second; /redirect; /flaky answers 500 to the first request
of each webhook-id and 200 after that; /never does not answer. What came is appended to FILE, a JSON object in a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import IO

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_MOVED = b"HTTP/1.1 307 Moved\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"
_BROKEN = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"


class _Receiver:
    def __init__(self, file: IO[str], known: set[str]) -> None:
        self._file = file
        self._known = known

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                writer.write(await self._answer(first.split(" ")[1], headers, body.decode()))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def _answer(self, path: str, headers: dict[str, str], body: str) -> bytes:
        again = headers["webhook-id"] in self._known
        self._known.add(headers["webhook-id"])
        reply = {"/redirect": _MOVED, "/flaky": _OK if again else _BROKEN}.get(path, _OK)
        counted = reply is _OK and path != "/never"
        entry = {"at": time.time(), "path": path, "headers": headers, "body": body, "counted": counted}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        if path in ("/slow", "/never"):
            await asyncio.sleep(0.5 if path == "/slow" else 3600)
        return reply


async def _main(port: int, path: Path) -> None:
    before = path.read_text().splitlines() if path.exists() else []
    known = {json.loads(line)["headers"]["webhook-id"] for line in before}
    with path.open("a") as file:
        server = await asyncio.start_server(_Receiver(file, known).serve, "127.0.0.1", port, limit=1 << 24)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2])))
