"""Writes what running predictions say into the ledger, all of them together, a few times a second."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mainspring.core.ids import rfc3339
from mainspring.core.prediction import Prediction
from mainspring.database.hints import Hints
from mainspring.records.progress import Note, Progress


class Scribe:
    """Notes gathered between two beats. A prediction that ends first takes its notes along."""

    topic = "scribe"
    interval_s = 0.1

    def __init__(self, progress: Progress, hints: Hints, now: Callable[[], datetime]) -> None:
        self._progress = progress
        self._hints = hints
        self._now = now
        self._notes: dict[str, Note] = {}
        self._beat = 0

    def note(self, prediction: Prediction, chunks: list[bytes], logs: list[str]) -> None:
        """Remember raw JSON chunks and log texts until the next beat."""
        kept = self._notes.get(prediction.id)
        if kept is None or kept.prediction.attempt != prediction.attempt:
            kept = self._notes[prediction.id] = Note(prediction, [], [])
        kept.chunks.extend(chunks)
        kept.logs.extend(logs)

    def forget(self, prediction_id: str) -> None:
        """The prediction's last row says it all."""
        self._notes.pop(prediction_id, None)

    async def run_once(self) -> int:
        """Write all notes in one transaction. Returns how many predictions had any."""
        if not self._notes:
            return 0
        notes, self._notes = list(self._notes.values()), {}
        self._beat += 1
        await self._progress.say(notes, self._beat, rfc3339(self._now()))
        if any(note.told for note in notes):
            self._hints.hint("webhooks")
        return len(notes)
