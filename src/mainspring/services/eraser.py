"""Removes what predictions have been kept for long enough: their files first, then input, output and logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import unquote

from mainspring.core.marks import STORED
from mainspring.database.hints import Hints
from mainspring.objects import Objects
from mainspring.records.retention import Due, Retention

_BATCH = 100
_GIVEN = re.compile(r'/outputs/([0-9a-z]{26})/([a-z2-7]{52})/([^"/\\]{1,1024})"')


class Eraser:
    """A batch a round, and at once the next one while there is more.

    Files go before the row that names them: whoever dies in between finds the row again, and deletes twice.
    """

    topic = "eraser"
    interval_s = 5.0

    def __init__(
        self, *, hints: Hints, retention: Retention, objects: Objects, now: Callable[[], datetime]
    ) -> None:
        self._hints = hints
        self._retention = retention
        self._objects = objects
        self._now = now

    async def run_once(self) -> int:
        """One batch. Returns how many predictions it emptied."""
        due = await self._retention.due(self._now(), _BATCH)
        if not due:
            return 0
        removed = await erase(due, self._objects, self._retention)
        if len(due) == _BATCH:
            self._hints.hint(self.topic)
        return removed


async def erase(due: Sequence[Due], objects: Objects, retention: Retention) -> int:
    """Remove the data of ended predictions, now. Returns how many had any."""
    for one in due:
        for key in output_keys(one):
            await objects.delete(key)
    return await retention.remove([one.id for one in due])


def output_keys(due: Due) -> list[str]:
    """Where its own files lie, also those that the platform gave it; it can name those of others, they stay."""
    found = STORED.findall(due.output or "") + _GIVEN.findall(due.input)
    return [
        f"outputs/{whose}/{capability}/{unquote(name)}"
        for whose, capability, name in found
        if whose == due.id
    ]
