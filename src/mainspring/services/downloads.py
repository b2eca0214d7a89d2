"""What downloads of weights have in common: parts that grow, checksums, and the seal on a directory that is whole."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainspring.core.errors import MainspringError

Said = Callable[[str, int, int], None]
"""Told of progress: file, bytes so far, bytes in all (0: nobody knows)."""
BLOCK = 1 << 20
PARTIAL = ".partial-"
_MANIFEST = "weights.json"
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Progress:
    """Whom to tell: lines, and bytes of a file so far and in all."""

    line: Callable[[str], None]
    bytes: Said


class HubError(MainspringError):
    """Weights could not be had; in words for the operator."""


class Broken(Exception):
    """The connection ended before the file did: worth another attempt."""


class Wrong(Broken):
    """The whole file came, and it is another one: worth one more attempt."""


async def persist(what: str, part: Path, attempt: Callable[[], Awaitable[str]], pause_s: float) -> str:
    """What the attempt that succeeds returns. Attempts are counted anew whenever one let the part grow.

    what: file and place, for the message. pause_s: before the second attempt, doubled before each later one.
    Raises HubError when nothing came for some attempts, or another file than promised twice.
    """
    failed = wrong = 0
    while True:
        before = size_of(part)
        try:
            return await attempt()
        except (Broken, OSError, TimeoutError) as error:
            failed = 1 if size_of(part) > before else failed + 1
            wrong += isinstance(error, Wrong)
            if failed >= _ATTEMPTS or wrong > 1:
                told = str(error) or type(error).__name__
                raise HubError(f"{what} could not be downloaded: {told}") from error
            await asyncio.sleep(pause_s * 2 ** (failed - 1))


def size_of(path: Path) -> int:
    """In bytes; 0 for what is not there."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Of a file, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, algorithm).hexdigest()


def keep(part: Path, target: Path) -> None:
    """Give a verified file its name; nobody writes to it any more."""
    part.chmod(0o444)
    part.rename(target)


def seal(directory: Path, names: Iterable[str], facts: dict[str, Any]) -> None:
    """Say beside the files what they are, and see that a crash of the machine can't leave a half of them."""
    (directory / _MANIFEST).write_text(json.dumps(facts, indent=1) + "\n")
    for place in (*(directory / name for name in names), directory / _MANIFEST, directory):
        opened = os.open(place, os.O_RDONLY)
        with contextlib.suppress(OSError):
            os.fsync(opened)
        os.close(opened)
