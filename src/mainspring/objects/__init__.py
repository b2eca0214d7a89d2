"""The socket for bytes: outputs, uploaded files, sources. Keys are ours; names are only for people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that exists. size in bytes; sha256 and md5 are hex."""

    key: str
    size: int
    content_type: str
    sha256: str
    md5: str


class Objects(Protocol):
    """Put, get, delete."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], content_type: str, limit: int) -> Stored:
        """Store chunks under key, atomically. Raises TooLarge past `limit` bytes."""

    async def adopt(self, key: str, path: Path, content_type: str) -> Stored:
        """Store the file at path under key, moving it when it can. Path must be a regular file."""

    async def stat(self, key: str) -> Stored | None:
        """What is stored under key, if anything."""

    def path(self, key: str) -> Path:
        """A local file with the object's bytes, not to be written."""

    async def delete(self, key: str) -> None:
        """Forget the object. Idempotent."""
