"""What a model hands out: its files go to the object store, its JSON keeps their place."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path
from urllib.parse import unquote

from mainspring.core.errors import MainspringError
from mainspring.core.ids import new_capability
from mainspring.core.marks import OUTPUT
from mainspring.objects import Objects, RefusedFileError

MARK = OUTPUT.encode()
_FILE = re.compile(rb'"' + MARK + rb'([A-Za-z0-9_-]{1,64})/([^"/\\]{1,1024})"')


class OutputError(MainspringError):
    """An output file could not be stored."""


class Outputs:
    """Stores output files of one prediction, each once, in the order in which they came. size: their bytes so far."""

    def __init__(self, objects: Objects, prediction_id: str, outbox: Path) -> None:
        self._objects = objects
        self._prediction_id = prediction_id
        self._outbox = outbox
        self._stored: dict[bytes, bytes] = {}
        self.size = 0

    async def take(self, value: bytes) -> bytes:
        """Raw JSON whose file marks name stored objects: mainspring-output://<prediction>/<capability>/<name>."""
        if MARK not in value:
            return value
        for match in _FILE.finditer(value):
            if match.group(0) not in self._stored:
                self._stored[match.group(0)] = await self._store(match.group(1), match.group(2))
        return _FILE.sub(lambda match: self._stored[match.group(0)], value)

    async def drop(self, kept: str | None) -> None:
        """Delete what was stored for an output that did not come about. kept: the output that did."""
        for mark in self._stored.values():
            name = mark[len(MARK) + 1 : -1].decode()
            if kept is None or name.split("/")[1] not in kept:
                await self._objects.delete(f"outputs/{unquote(name, errors='replace')}")

    def folders(self) -> list[Path]:
        """Directories of the outbox whose files have been stored."""
        return [self._outbox / match[1].decode() for mark in self._stored if (match := _FILE.match(mark))]

    async def _store(self, folder: bytes, quoted: bytes) -> bytes:
        name = unquote(quoted.decode(errors="replace"))
        if name in ("", ".", "..") or "/" in name or "\x00" in name:
            raise OutputError(f"The model named an output file in a way that can't be used: {name!r}")
        capability = new_capability()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        key = f"outputs/{self._prediction_id}/{capability}/{name}"
        try:
            path = self._outbox / folder.decode() / name
            self.size += (await self._objects.adopt(key, path, kind, within=self._outbox)).size
        except (OSError, RefusedFileError) as error:
            raise OutputError(f"The output file {name} could not be stored: {error}") from error
        return b'"' + MARK + f"{self._prediction_id}/{capability}/".encode() + quoted + b'"'
