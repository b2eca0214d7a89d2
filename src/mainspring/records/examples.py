"""Examples: predictions that a model's owner shows with the model; they keep their data."""

from __future__ import annotations

from mainspring.core.prediction import Prediction
from mainspring.database import Database, Statement
from mainspring.records.pages import Cursor, Keyset, Page, read_page
from mainspring.records.predictions import columns, prediction_of

SHOWN = "EXISTS (SELECT 1 FROM examples e WHERE e.prediction = p.id)"
"""A condition on a row `p` of predictions: it is an example, and so keeps its data."""

_SHOWN = "FROM examples e JOIN predictions p ON p.id = e.prediction WHERE e.model = :model"
ADD = """
    INSERT INTO examples (model, prediction, created_at) VALUES (:model, :prediction, :now)
    ON CONFLICT (model, prediction) DO NOTHING"""
SHOWABLE = """
    SELECT id FROM predictions WHERE id = :prediction AND model = :model AND kind = 'prediction'
    AND status = 'succeeded' AND data_removed = 0"""
CHOOSE = """
    UPDATE models SET default_example = :prediction
    WHERE owner || '/' || name = :model AND (:chosen OR default_example IS NULL)"""
REMOVE = "DELETE FROM examples WHERE model = :model AND prediction = :prediction RETURNING prediction"
FALL_BACK = """
    UPDATE models SET default_example =
        (SELECT prediction FROM examples WHERE model = :model ORDER BY created_at, prediction LIMIT 1)
    WHERE owner || '/' || name = :model AND default_example = :prediction"""
SHOWS = "SELECT 1 FROM examples WHERE prediction = :prediction"
LIST = Keyset.of(columns("p"), _SHOWN, at="e.created_at", key="e.prediction")


class Examples:
    """The examples of the ledger; a model is owner/name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, model: str, prediction: str, now: str, *, default: bool) -> bool:
        """Show a prediction with its model. False when it is none of the model's that succeeded and has its data.

        The first one becomes the default, a later one when default says so.
        """
        given = {"model": model, "prediction": prediction, "now": now, "chosen": int(default)}
        rows, *_ = await self._database.write(
            Statement(SHOWABLE, given, guard=True), Statement(ADD, given), Statement(CHOOSE, given)
        )
        return bool(rows)

    async def remove(self, model: str, prediction: str) -> bool:
        """Show it no more; the oldest one left becomes the default. False when it was not shown."""
        given = {"model": model, "prediction": prediction}
        rows, *_ = await self._database.write(
            Statement(REMOVE, given, guard=True), Statement(FALL_BACK, given)
        )
        return bool(rows)

    async def shows(self, prediction: str) -> bool:
        """Whether any model is shown with it."""
        return await self._database.fetch_one(SHOWS, {"prediction": prediction}) is not None

    async def list(self, model: str, cursor: Cursor | None, limit: int) -> Page[Prediction]:
        """The model's examples, newest first."""
        return await read_page(self._database, LIST, {"model": model}, prediction_of, cursor, limit)
