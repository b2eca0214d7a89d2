"""Collections that the operator wrote down in a file."""

from __future__ import annotations

import logging
import tomllib
from datetime import datetime
from pathlib import Path

import msgspec

from mainspring.core.catalog import collection_faults
from mainspring.core.errors import MainspringError
from mainspring.core.ids import rfc3339
from mainspring.core.shapes import CollectionBody
from mainspring.records.collections import Collections

log = logging.getLogger(__name__)


async def put_collections(collections: Collections, file: str, now: datetime) -> None:
    """Put each collection of a TOML file; those that it lacks stay. Raises MainspringError for a file that is wrong."""
    if not file:
        return
    try:
        read = tomllib.loads(Path(file).expanduser().read_text())
        found = msgspec.convert(read, dict[str, CollectionBody])
    except (OSError, ValueError) as error:
        raise MainspringError(f"{file}: {error}") from error
    for slug, wanted in found.items():
        for fault in collection_faults(slug, wanted.models).values():
            raise MainspringError(f"{file}: {slug}: {fault}")
    for slug, wanted in found.items():
        await collections.put(slug, wanted, rfc3339(now))
    log.info("%d collections are from %s", len(found), file)
