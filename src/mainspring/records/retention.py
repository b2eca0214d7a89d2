"""Predictions whose data is to be removed: which, and the removal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.core.ids import rfc3339
from mainspring.database import Database, Statement
from mainspring.records import cached, examples, following, outbox, sharing

SPARED: tuple[str, ...] = (examples.SHOWN, sharing.SHARED, outbox.OWED, following.FOLLOWED)
"""SQL conditions on a row `p` of predictions: while one holds, the prediction keeps its data."""

KEPT_FOR = """
    SELECT min(keep_s) AS keep_s FROM predictions
    WHERE keep_s > :longer_than AND data_removed = 0 AND completed_at IS NOT NULL"""
DUE = """
    SELECT id, output, input FROM predictions p
    WHERE keep_s = :keep_s AND completed_at <= :before AND data_removed = 0 AND kind = 'prediction'{spared}
    ORDER BY completed_at LIMIT :limit"""
REMOVE = """
    UPDATE predictions SET input = '{}', output = NULL, logs = '', data_removed = 1, cache_key = NULL
    WHERE id = :id AND data_removed = 0 AND completed_at IS NOT NULL RETURNING id"""


@dataclass(frozen=True, slots=True)
class Due:
    """A prediction whose time is over. output and input: JSON texts that name its files."""

    id: str
    output: str | None
    input: str


class Retention:
    """What the ledger keeps for how long."""

    def __init__(self, database: Database, spared: Sequence[str] = SPARED) -> None:
        self._database = database
        self._due = DUE.format(spared="".join(f" AND ({condition}) IS NOT TRUE" for condition in spared))

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """Up to limit predictions whose data has been kept long enough."""
        found: list[Due] = []
        for keep_s in await self._kept_for():
            given = {"keep_s": keep_s, "before": rfc3339(now - timedelta(seconds=keep_s))}
            rows = await self._database.fetch(self._due, {**given, "limit": limit - len(found)})
            found += [Due(row["id"], row["output"], row["input"]) for row in rows]
            if len(found) >= limit:
                break
        return found

    async def remove(self, prediction_ids: Sequence[str]) -> int:
        """Empty these rows, in one transaction, and answer no request from them; how many were not empty before."""
        emptied = [Statement(REMOVE, {"id": i}) for i in prediction_ids]
        done = await self._database.write(*emptied, *map(cached.forget, prediction_ids))
        return sum(len(rows) for rows in done[: len(emptied)])

    async def _kept_for(self) -> list[int]:
        """The different times for which anything is kept, each found by one step in the index."""
        found, longer_than = [], 0
        while row := await self._database.fetch_one(KEPT_FOR, {"longer_than": longer_than}):
            if row["keep_s"] is None:
                break
            longer_than = row["keep_s"]
            found.append(longer_than)
        return found
