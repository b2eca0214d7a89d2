"""What an object's ETag says of its bytes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_MIB = 1 << 20
_PARTS_MIB = (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024)


def matches(path: Path, tag: str | None) -> bool | None:
    """Whether a file is the one that an ETag was made of; None where that can't be told.

    A plain ETag is its MD5. One of an upload in parts, MD5-N, is the MD5 of the MD5s of N parts, whose size nobody
    notes: those that clients use are tried.
    """
    plain = (tag or "").removeprefix("W/").strip('"')
    if re.fullmatch(r"[0-9a-f]{32}", plain):
        with path.open("rb") as content:
            return hashlib.file_digest(content, "md5").hexdigest() == plain
    if in_parts := re.fullmatch(r"([0-9a-f]{32})-([1-9][0-9]{0,4})", plain):
        count = int(in_parts[2])
        if any(_of_parts(path, size) == in_parts[1] for size in _part_sizes(path.stat().st_size, count)):
            return True
    return None


def _part_sizes(size: int, count: int) -> list[int]:
    """Sizes of parts, in bytes, that make so many of a file."""
    even = -(-size // count)
    sizes = {mib * _MIB for mib in _PARTS_MIB} | {-(-even // _MIB) * _MIB, even}
    return sorted(each for each in sizes if each and -(-size // each) == count)


def _of_parts(path: Path, size: int) -> str:
    whole = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(min(_MIB, size)):
            part, left = hashlib.md5(block, usedforsecurity=False), size - len(block)
            while left > 0 and (block := content.read(min(_MIB, left))):
                part.update(block)
                left -= len(block)
            whole.update(part.digest())
    return whole.hexdigest()
