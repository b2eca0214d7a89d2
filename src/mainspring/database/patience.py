"""Writes that must not be lost: done again until the ledger takes them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")
_AGAIN_S = 0.5


async def until_written(write: Callable[[], Awaitable[T]]) -> T:
    """What write returns once the ledger can be written. It must be a statement that can be repeated.

    Another process may hold the ledger, or the disk be full, for longer than anybody who asks for something waits.
    """
    failed = 0
    while True:
        try:
            written = await write()
        except sqlite3.OperationalError as error:
            failed += 1
            if failed == 1:
                log.warning("the ledger can't be written, trying again: %s", error)
            await asyncio.sleep(_AGAIN_S)
        else:
            if failed:
                log.warning("the ledger was written, after %d tries", failed + 1)
            return written
