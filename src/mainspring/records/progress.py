"""What running predictions have said so far: rows beside the prediction, until its own row says it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainspring.core.prediction import Prediction
from mainspring.core.webhooks import wanted
from mainspring.database import Database, Statement
from mainspring.records import outbox

SAY = """
    INSERT INTO progress (prediction_id, attempt, beat, chunks, logs)
    SELECT :id, :attempt, :beat, :chunks, :logs WHERE EXISTS
        (SELECT 1 FROM predictions WHERE id = :id AND attempt = :attempt AND status = 'processing')"""
SAID = "SELECT chunks, logs FROM progress WHERE prediction_id = :id AND attempt = :attempt ORDER BY beat"
FORGET = "DELETE FROM progress WHERE prediction_id = :id"


@dataclass(frozen=True, slots=True)
class Note:
    """What a running attempt has said between two beats: raw JSON chunks and log texts."""

    prediction: Prediction
    chunks: list[bytes]
    logs: list[str]

    @property
    def told(self) -> frozenset[str]:
        """The webhook events that it makes, of those that are wanted."""
        said = {name for name, what in (("output", self.chunks), ("logs", self.logs)) if what}
        return wanted(self.prediction.webhook, self.prediction.webhook_events_filter) & said

    def statement(self, beat: int) -> Statement:
        """Its row of progress, if the attempt still owns the prediction."""
        given = {
            "id": self.prediction.id,
            "attempt": self.prediction.attempt,
            "beat": beat,
            "chunks": (b"[" + b",".join(self.chunks) + b"]").decode(),
            "logs": "".join(self.logs),
        }
        return Statement(SAY, given)


class Progress:
    """The progress of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def say(self, notes: Sequence[Note], beat: int, now: str) -> None:
        """Append progress."""
        for_each = ((note.statement(beat), *outbox.on_say(note.prediction, note.told, now)) for note in notes)
        await self._database.write(*(statement for statements in for_each for statement in statements))

    async def said(self, prediction_id: str, attempt: int) -> list[tuple[str, str]]:
        """(chunks, logs) of a running attempt, in order."""
        rows = await self._database.fetch(SAID, {"id": prediction_id, "attempt": attempt})
        return [(row["chunks"], row["logs"]) for row in rows]
