"""How much disk a version takes: the files that were pushed, and what a training learned."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from mainspring.objects import Objects
from mainspring.records.catalog import Version
from mainspring.records.recent import Recent

_UNITS = ("B", "kB", "MB", "GB", "TB")


class VersionSizes:
    """Measured when first asked for; a version never changes. sources: one directory for each pushed source."""

    def __init__(self, sources: Path, objects: Objects) -> None:
        self._sources = sources
        self._objects = objects
        self._known = Recent(ttl_s=86_400, size=1024)

    async def of(self, versions: Sequence[Version]) -> dict[str, str]:
        """The size of each in words, by its id; those whose files are not here are left out."""
        found = [(version.id, await self._bytes(version)) for version in versions]
        return {version_id: tell_bytes(size) for version_id, size in found if size}

    async def _bytes(self, version: Version) -> int:
        async def measure() -> int:
            size = await asyncio.to_thread(_below, self._sources / version.source)
            learned = await self._objects.stat(version.weights) if version.weights else None
            return size + (learned.size if learned else 0)

        return await self._known.ask((version.model, version.id), measure) or 0


def tell_bytes(size: int) -> str:
    """Bytes as the pages say them: 12.5 MB."""
    number, at = float(size), 0
    while number >= 1000 and at < len(_UNITS) - 1:
        number, at = number / 1000, at + 1
    return f"{number:.1f} {_UNITS[at]}" if at and number < 100 else f"{number:.0f} {_UNITS[at]}"


def _below(directory: Path) -> int:
    """Bytes of the files in a directory, links not followed."""
    return sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file())
