"""Predictions that whoever has the link may see: one unguessable link for each, until it is taken back."""

from __future__ import annotations

from dataclasses import dataclass

from mainspring.core.ids import new_capability
from mainspring.database import Database, Row, Statement

SHARED = "EXISTS (SELECT 1 FROM shares s WHERE s.prediction = p.id)"
"""A condition on a row `p` of predictions: it is shared, and so keeps its data."""

_ALL = "capability, prediction, created_at"
ADD = f"""
    INSERT INTO shares ({_ALL}) SELECT :capability, id, :now FROM predictions
    WHERE id = :prediction AND kind = 'prediction' AND completed_at IS NOT NULL AND data_removed = 0
    ON CONFLICT (prediction) DO UPDATE SET created_at = shares.created_at RETURNING {_ALL}"""
OF = f"SELECT {_ALL} FROM shares WHERE prediction = :prediction"
FIND = f"SELECT {_ALL} FROM shares WHERE capability = :capability"
REMOVE = "DELETE FROM shares WHERE prediction = :prediction RETURNING prediction"


@dataclass(frozen=True, slots=True)
class Share:
    """capability: who has it may see the prediction. created_at: RFC 3339."""

    capability: str
    prediction: str
    created_at: str


class Shares:
    """The shared predictions of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, prediction: str, now: str) -> Share | None:
        """Share a prediction that has ended and has its data, else None; one that is shared stays as it is."""
        given = {"capability": new_capability(), "prediction": prediction, "now": now}
        (rows,) = await self._database.write(Statement(ADD, given))
        return _share(rows[0]) if rows else None

    async def of(self, prediction: str) -> Share | None:
        """How it is shared, if it is."""
        row = await self._database.fetch_one(OF, {"prediction": prediction})
        return _share(row) if row else None

    async def find(self, capability: str) -> Share | None:
        """What a link leads to."""
        row = await self._database.fetch_one(FIND, {"capability": capability})
        return _share(row) if row else None

    async def remove(self, prediction: str) -> bool:
        """Make its link lead nowhere; False when there was none."""
        (rows,) = await self._database.write(Statement(REMOVE, {"prediction": prediction}))
        return bool(rows)


def _share(row: Row) -> Share:
    return Share(row["capability"], row["prediction"], row["created_at"])
