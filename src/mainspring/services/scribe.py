"""Writes what running predictions say into the ledger, all of them together, a few times a second."""

from __future__ import annotations

from mainspring.records.predictions import Predictions


class Scribe:
    """Notes gathered between two beats. A prediction that ends first takes its notes along."""

    topic = "scribe"
    interval_s = 0.1

    def __init__(self, predictions: Predictions) -> None:
        self._predictions = predictions
        self._notes: dict[str, tuple[int, list[bytes], list[str]]] = {}
        self._beat = 0

    def note(self, prediction_id: str, attempt: int, chunks: list[bytes], logs: list[str]) -> None:
        """Remember raw JSON chunks and log texts until the next beat."""
        kept = self._notes.get(prediction_id)
        if kept is None or kept[0] != attempt:
            kept = self._notes[prediction_id] = (attempt, [], [])
        kept[1].extend(chunks)
        kept[2].extend(logs)

    def forget(self, prediction_id: str) -> None:
        """The prediction's last row says it all."""
        self._notes.pop(prediction_id, None)

    async def run_once(self) -> int:
        """Write all notes in one transaction. Returns how many predictions had any."""
        if not self._notes:
            return 0
        notes, self._notes = self._notes, {}
        self._beat += 1
        await self._predictions.say(
            [
                {
                    "id": prediction_id,
                    "attempt": attempt,
                    "beat": self._beat,
                    "chunks": (b"[" + b",".join(chunks) + b"]").decode(),
                    "logs": "".join(logs),
                }
                for prediction_id, (attempt, chunks, logs) in notes.items()
            ]
        )
        return len(notes)
