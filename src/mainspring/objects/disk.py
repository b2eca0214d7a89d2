"""Objects as files of one directory: named by a digest of their key, beside a note of what they are."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

import msgspec

from mainspring.core.errors import TooLarge
from mainspring.objects import RefusedFileError, Stored

_PIECE = 1 << 20
_LONGEST_KEY = 1024


class DiskObjects:
    """Objects under root. durable: flush each to the disk before it counts as stored."""

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        self._root = root
        self._drafts = root / "drafts"
        self._durable = durable
        self._drafts.mkdir(parents=True, exist_ok=True)

    async def put(self, key: str, chunks: AsyncIterator[bytes], content_type: str, limit: int) -> Stored:
        """Store chunks under key, atomically. Raises TooLarge past `limit` bytes; nothing is stored then."""
        _check(key)
        draft = await asyncio.to_thread(_Draft, self._drafts)
        try:
            async for piece in _pieces(chunks, limit):
                await asyncio.to_thread(draft.write, piece)
            return await asyncio.to_thread(self._keep, draft, key, content_type)
        finally:
            await asyncio.shield(asyncio.to_thread(draft.discard))

    async def adopt(self, key: str, path: Path, content_type: str, *, within: Path | None = None) -> Stored:
        """Store a copy of the file at path under key; what is stored stays when path changes later.

        within: a directory that the file must really lie in. Raises FileNotFoundError when there is none,
        RefusedFileError for a link, for what is not a regular file, and for one outside `within`.
        """
        _check(key)
        return await asyncio.to_thread(self._copy, key, path, content_type, within)

    async def copy(self, source: str, target: str) -> Stored | None:
        """The same bytes under another key as well; each is deleted by itself. None when there is no source."""
        _check(source)
        _check(target)
        return await asyncio.to_thread(self._link, source, target)

    async def stat(self, key: str) -> Stored | None:
        """What is stored under key, if anything."""
        _check(key)
        return await asyncio.to_thread(self._stat, key)

    def path(self, key: str) -> Path:
        """A local file with the object's bytes, not to be written. It need not exist."""
        _check(key)
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._root / digest[:2] / digest[2:]

    async def delete(self, key: str) -> None:
        """Forget the object. Idempotent; who has it open reads on."""
        data = self.path(key)
        await asyncio.to_thread(_remove, _note(data), data)

    async def check(self) -> int:
        """Store a few bytes, read them back and remove them; bytes that are free. Raises OSError."""
        return await asyncio.to_thread(self._check)

    def sweep(self, older_than: float) -> int:
        """Remove what uploads left behind that were cut off before the Unix time older_than; how many."""
        left = [one for one in self._drafts.iterdir() if one.stat().st_mtime < older_than]
        _remove(*left)
        return len(left)

    def _check(self) -> int:
        descriptor, name = tempfile.mkstemp(dir=self._drafts, suffix=".check")
        try:
            os.write(descriptor, b"whole")
            if os.pread(descriptor, 16, 0) != b"whole":
                raise OSError(errno.EIO, "what was written reads otherwise")
            return shutil.disk_usage(self._root).free
        finally:
            os.close(descriptor)
            _remove(Path(name))

    def _copy(self, key: str, path: Path, content_type: str, within: Path | None) -> Stored:
        with _open_untrusted(path, within) as source:
            draft = _Draft(self._drafts)
            try:
                left = os.fstat(source.fileno()).st_size
                while left > 0 and (piece := source.read(min(_PIECE, left))):
                    draft.write(piece)
                    left -= len(piece)
                return self._keep(draft, key, content_type)
            finally:
                draft.discard()

    def _link(self, source: str, target: str) -> Stored | None:
        """Bytes are never written in place, so that two names for them are as good as two copies."""
        found = self._stat(source)
        if found is None:
            return None
        draft = self._drafts / f"{secrets.token_hex(8)}.part"
        try:
            _link_or_copy(self.path(source), draft)
            return self._place(draft, replace(found, key=target))
        except FileNotFoundError:
            return None
        finally:
            _remove(draft, draft.with_suffix(".note"))

    def _keep(self, draft: _Draft, key: str, content_type: str) -> Stored:
        return self._place(draft.path, draft.finish(key, content_type, durable=self._durable))

    def _place(self, draft: Path, stored: Stored) -> Stored:
        data = self.path(stored.key)
        data.parent.mkdir(exist_ok=True)
        note = draft.with_suffix(".note")
        note.write_bytes(msgspec.json.encode(asdict(stored)))
        # The note makes the object exist: a reader never sees old facts with new bytes.
        _remove(_note(data))
        draft.replace(data)
        note.replace(_note(data))
        if self._durable:
            _flush_directory(data.parent)
        return stored

    def _stat(self, key: str) -> Stored | None:
        try:
            return msgspec.json.decode(_note(self.path(key)).read_bytes(), type=Stored)
        except FileNotFoundError:
            return None


class _Draft:
    """A file on its way in, hashed as it is written."""

    def __init__(self, directory: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=directory, suffix=".part")
        self.path = Path(name)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb", buffering=0)
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0
        self._lock = threading.Lock()

    def write(self, piece: bytes) -> None:
        with self._lock:
            self._sha256.update(piece)
            self._md5.update(piece)
            self._size += len(piece)
            view = memoryview(piece)
            while view:
                view = view[self._file.write(view) :]

    def finish(self, key: str, content_type: str, *, durable: bool) -> Stored:
        if durable:
            os.fsync(self._file.fileno())
        self._file.close()
        return Stored(key, self._size, content_type, self._sha256.hexdigest(), self._md5.hexdigest())

    def discard(self) -> None:
        """Close and remove it, once a write that is under way is done."""
        with self._lock:
            self._file.close()
        _remove(self.path, self.path.with_suffix(".note"))


async def _pieces(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """The chunks in pieces that are worth a hop to a thread."""
    held, size, total = [], 0, 0
    async for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise TooLarge
        held.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _open_untrusted(path: Path, within: Path | None) -> IO[bytes]:
    """Open a file that somebody else may swap meanwhile: judge what was opened, not what the path says."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise RefusedFileError(f"{path.name} is not a regular file") from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RefusedFileError(f"{path.name} is not a regular file")
        if within is not None and not _location(descriptor).is_relative_to(within.resolve()):
            raise RefusedFileError(f"{path.name} lies outside the directory of its instance")
        return os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def _location(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def _link_or_copy(source: Path, target: Path) -> None:
    """A second name for the file; where there can't be one (too many, or no such file system), a copy."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def _check(key: str) -> None:
    parts = key.split("/")
    if not all(parts) or "\0" in key or {".", ".."} & set(parts) or len(key) > _LONGEST_KEY:
        raise ValueError(f"not a key: {key[:80]!r}")


def _note(data: Path) -> Path:
    return data.with_name(data.name + ".note")


def _remove(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
