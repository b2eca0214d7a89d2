"""Pushes the model projects that the server was started with; what is unchanged costs nothing."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from mainspring.bundle import pack
from mainspring.core.errors import MainspringError
from mainspring.records.catalog import Version
from mainspring.services.builder import Builder
from mainspring.settings import Settings

log = logging.getLogger(__name__)


async def push_bundled(
    builder: Builder, settings: Settings, show: Callable[[Version], Awaitable[None]]
) -> None:
    """Build each project of `settings.bundled`, one after the other, then show them all.

    A fault is logged and the next one tried.
    """
    versions = []
    for directory in filter(None, settings.bundled.split(":")):
        source = Path(directory)
        model = f"{settings.account}/{source.resolve().name}"
        try:
            versions.append(await _push(builder, source, model))
        except MainspringError as error:
            log.error("%s could not be built: %s", model, error)
    for version in versions:
        try:
            await show(version)
        except MainspringError as error:
            log.error("%s could not be shown with its example: %s", version.model, error)


async def _push(builder: Builder, source: Path, model: str) -> Version:
    with tempfile.NamedTemporaryFile(suffix=".tar.gz") as archive:
        await asyncio.to_thread(pack, source, archive)
        archive.flush()
        version, created = await builder.build(
            Path(archive.name), model, {}, lambda line: log.info("%s: %s", model, line)
        )
    log.info("%s is %s: %s", model, "ready" if created else "unchanged", version.id)
    return version
