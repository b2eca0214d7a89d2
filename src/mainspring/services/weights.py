"""What trainings have learned, brought to where an instance can read it: a directory with one file for each."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from mainspring.core.errors import LaunchError
from mainspring.objects import Objects
from mainspring.records.catalog import Catalog, Version

_DRAFT = ".draft-"


class Weights:
    """Directories under root, each made when it is first needed. The object store holds the truth."""

    topic = "weights"
    interval_s = 60.0

    def __init__(self, root: Path, catalog: Catalog, objects: Objects) -> None:
        self._root = root
        self._catalog = catalog
        self._objects = objects

    async def at_hand(self, version: Version) -> Path | None:
        """The file that the version's setup is given, None for a version without. Raises LaunchError."""
        if version.weights is None:
            return None
        folder, name = self._root / _folder(version.weights), version.weights.rpartition("/")[2]
        try:
            await asyncio.to_thread(_place, self._objects.path(version.weights), folder, name)
        except OSError as error:
            raise LaunchError(f"The weights of this version can't be read: {error.strerror}") from error
        return folder / name

    async def run_once(self) -> int:
        """Remove what no version needs any more; how many directories."""
        if not self._root.is_dir():
            return 0
        found = [place for place in self._root.iterdir() if not place.name.startswith(_DRAFT)]
        needed = {_folder(key) for key in await self._catalog.weights()}
        left = [place for place in found if place.name not in needed]
        for place in left:
            await asyncio.to_thread(shutil.rmtree, place, True)
        return len(left)

    async def clear_up(self) -> None:
        """Remove what an earlier server left half made. Call it before the first launch."""
        for place in self._root.glob(f"{_DRAFT}*"):
            await asyncio.to_thread(shutil.rmtree, place, True)


def _folder(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def _place(source: Path, folder: Path, name: str) -> None:
    """Make folder with the one file in it: a link where both lie on one disk, so that gigabytes cost nothing."""
    if folder.is_dir():
        return
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder.parent))
    try:
        try:
            os.link(source, draft / name)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, draft / name)
        (draft / name).chmod(0o444)
        with contextlib.suppress(OSError):
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
