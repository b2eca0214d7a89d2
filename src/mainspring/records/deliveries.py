"""Webhook deliveries: what is due, how each try went, what can be sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from mainspring.core.prediction import Prediction
from mainspring.database import Database, Row, Statement
from mainspring.records.pages import Cursor, Keyset, Page, read_page
from mainspring.records.predictions import columns, prediction_of

_KEPT = 20
_PREDICTION = columns("p")
_OWN = ("prediction_id", "event", "host", "state", "revision", "tries", "attempts", "due_at")
_DELIVERY = ", ".join(f"d.{c} AS d_{c}" for c in _OWN)
_BOTH = f"{_DELIVERY}, {_PREDICTION} FROM deliveries d JOIN predictions p ON p.id = d.prediction_id"

HOSTS = "SELECT DISTINCT host FROM deliveries WHERE state = 'pending' AND due_at <= :now"
DUE = """
    SELECT prediction_id, event FROM deliveries d WHERE d.state = 'pending' AND d.host = :host AND d.due_at <= :now
    AND NOT EXISTS (SELECT 1 FROM deliveries e
        WHERE e.prediction_id = d.prediction_id AND e.state = 'pending' AND e.rank < d.rank)
    ORDER BY d.due_at LIMIT :limit"""
SETTLE = """
    UPDATE deliveries SET
        state = CASE WHEN state = 'pending' AND revision = :revision THEN :state ELSE state END,
        tries = :tries, attempts = :attempts, due_at = :due_at
    WHERE prediction_id = :prediction_id AND event = :event"""
GET = f"SELECT {_BOTH} WHERE d.prediction_id = :id AND d.event = :event AND d.state = 'pending'"
OF = f"SELECT {_BOTH} WHERE d.prediction_id = :id ORDER BY d.rank, d.event"
DEAD = Keyset.of(
    _DELIVERY + ", " + _PREDICTION,
    "FROM deliveries d JOIN predictions p ON p.id = d.prediction_id WHERE d.state = 'dead' AND p.account = :account",
    at="p.id",
    key="d.event",
)
RECENT = Keyset.of(
    _DELIVERY + ", " + _PREDICTION,
    "FROM deliveries d CROSS JOIN predictions p ON p.id = d.prediction_id WHERE p.account = :account",
    at="d.prediction_id",
    key="d.event",
)
RESEND = """
    UPDATE deliveries SET state = 'pending', tries = 0, due_at = :now
    WHERE prediction_id = :id AND event = :event AND state <> 'waiting' AND NOT (state = 'pending' AND due_at <= :now)
    RETURNING event"""
PRUNE = """
    DELETE FROM deliveries WHERE prediction_id < :before AND state <> 'pending' AND prediction_id IN (
        SELECT prediction_id FROM deliveries WHERE prediction_id < :before ORDER BY prediction_id LIMIT :limit)
    RETURNING event"""
_encode = msgspec.json.Encoder().encode


class Try(msgspec.Struct):
    """One try. at: RFC 3339; status: None without an answer; duration: seconds; error: why it did not count."""

    attempt: int
    at: str
    status: int | None
    duration: float
    error: str | None


_decode = msgspec.json.Decoder(list[Try]).decode


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that is to be told, or was, and the prediction that it is about. Times are RFC 3339 text."""

    prediction: Prediction
    event: str
    host: str
    state: str
    revision: int
    tries: int
    attempts: str
    due_at: str

    @classmethod
    def completed(cls, prediction: Prediction, host: str) -> Delivery:
        """The row that the end of a prediction has just written."""
        return cls(prediction, "completed", host, "pending", 1, 0, "[]", prediction.completed_at or "")

    @property
    def id(self) -> str:
        """Of the row."""
        return f"{self.prediction.id}-{self.event}"

    @property
    def webhook_id(self) -> str:
        """Of the event: the same for all its tries."""
        return f"{self.id}-{self.revision}"

    def tried(self) -> list[Try]:
        """The latest tries, oldest first."""
        return _decode(self.attempts)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a try. state: delivered, pending (to be tried again at due_at), failed or dead."""

    delivery: Delivery
    latest: Try
    state: str
    due_at: str

    def statement(self) -> Statement:
        """Writes it down, without undoing what happened meanwhile."""
        delivery = self.delivery
        tried = [*delivery.tried(), self.latest] if delivery.attempts != "[]" else [self.latest]
        given = {
            "prediction_id": delivery.prediction.id,
            "event": delivery.event,
            "revision": delivery.revision,
            "state": self.state,
            "tries": delivery.tries + 1,
            "attempts": _encode(tried[-_KEPT:]).decode(),
            "due_at": self.due_at,
        }
        return Statement(SETTLE, given)


class Deliveries:
    """The outbox of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hosts(self, now: str) -> list[str]:
        """Whom something is due for."""
        return [row["host"] for row in await self._database.fetch(HOSTS, {"now": now})]

    async def due(self, host: str, now: str, limit: int) -> list[tuple[str, str]]:
        """(prediction, event) that are due for one host, longest due first; none that has to wait for another."""
        rows = await self._database.fetch(DUE, {"host": host, "now": now, "limit": limit})
        return [(row["prediction_id"], row["event"]) for row in rows]

    async def get(self, prediction_id: str, event: str) -> Delivery | None:
        """One that is to be sent; None when it is not any more."""
        row = await self._database.fetch_one(GET, {"id": prediction_id, "event": event})
        return _delivery(row) if row else None

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Write down what became of tries."""
        await self._database.write(*(one.statement() for one in settled))

    async def of(self, prediction_id: str) -> list[Delivery]:
        """All of a prediction, in the order of its life."""
        return [_delivery(row) for row in await self._database.fetch(OF, {"id": prediction_id})]

    async def dead(self, account: str, cursor: Cursor | None, limit: int) -> Page[Delivery]:
        """Those of an account that were tried in vain to the end, newest first."""
        return await read_page(self._database, DEAD, {"account": account}, _delivery, cursor, limit)

    async def recent(self, account: str, cursor: Cursor | None, limit: int) -> Page[Delivery]:
        """All of an account, those of the newest predictions first."""
        return await read_page(self._database, RECENT, {"account": account}, _delivery, cursor, limit)

    async def resend(self, prediction_id: str, event: str, now: str) -> bool:
        """Begin again with an event, now; False when there is none, or it is about to be sent anyway."""
        given = {"id": prediction_id, "event": event, "now": now}
        (rows,) = await self._database.write(Statement(RESEND, given, guard=True))
        return bool(rows)

    async def prune(self, before_id: str, limit: int) -> int:
        """Remove up to about `limit` rows about predictions older than an id."""
        (rows,) = await self._database.write(Statement(PRUNE, {"before": before_id, "limit": limit}))
        return len(rows)


def _delivery(row: Row) -> Delivery:
    own = (row[f"d_{c}"] for c in _OWN[1:])
    return Delivery(prediction_of(row), *own)
