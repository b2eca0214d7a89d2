"""The socket for bytes: outputs, uploaded files, sources. Keys are ours; names are only for people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mainspring.core.errors import MainspringError


class RefusedFileError(MainspringError):
    """Only a regular file of its own can be stored."""


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

    async def adopt(self, key: str, path: Path, content_type: str, *, within: Path | None = None) -> Stored:
        """Store a copy of the file at path under key; what is stored stays when path changes later.

        within: a directory that the file must really lie in. Raises FileNotFoundError when there is none,
        RefusedFileError for a link, for what is not a regular file, and for one outside `within`.
        """

    async def copy(self, source: str, target: str) -> Stored | None:
        """The same bytes under another key as well; each is deleted by itself. None when there is no source."""

    async def stat(self, key: str) -> Stored | None:
        """What is stored under key, if anything."""

    def path(self, key: str) -> Path:
        """A local file with the object's bytes, not to be written."""

    async def delete(self, key: str) -> None:
        """Forget the object. Idempotent."""

    async def check(self) -> int:
        """Store a few bytes, read them back and remove them; bytes that are free. Raises OSError."""

    def sweep(self, older_than: float) -> int:
        """Remove what interrupted writes left before a Unix time; returns how many."""
