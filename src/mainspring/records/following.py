"""Predictions that wait for the run of another one with the same key: who they are, and how that ends.

A follower is `starting`, names its leader, and stands in no line. Each change is guarded by that name: whoever was
canceled meanwhile, or given another leader, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.core.prediction import Prediction, Status
from mainspring.database import Database, Statement
from mainspring.records import outbox
from mainspring.records.cached import Entry, saved
from mainspring.records.metering import on_loss
from mainspring.records.predictions import LEADER, columns, prediction_of

FOLLOWED = "EXISTS (SELECT 1 FROM predictions f WHERE f.follows = p.id AND f.status = 'starting')"
"""A condition on a row `p` of predictions: others wait for what it ended with."""

_FOLLOWS = "status = 'starting' AND follows = :leader"
_THIS = f"id = :id AND {_FOLLOWS}"
ALL = f"""
    SELECT {columns("f")} FROM predictions f WHERE f.follows IS NOT NULL AND f.status = 'starting'
    ORDER BY f.follows, f.id"""
LEFT = f"""
    SELECT {columns("l")} FROM predictions l WHERE l.completed_at IS NOT NULL AND l.id IN
        (SELECT follows FROM predictions WHERE follows IS NOT NULL AND status = 'starting')"""
OF = f"SELECT {columns('predictions')} FROM predictions WHERE {_FOLLOWS} ORDER BY id"
END = f"""
    UPDATE predictions SET status = :status, output = :output, error = :error, logs = :logs, metrics = :metrics,
        weights = :weights, cached = :cached, completed_at = :now
    WHERE {_THIS} RETURNING {columns("predictions")}"""
ACTIVE = "SELECT active_us FROM usage WHERE id = :id"
REJOIN = f"""
    UPDATE predictions SET follows = ({LEADER})
    WHERE {_FOLLOWS} AND EXISTS ({LEADER}) RETURNING id"""
PROMOTE = f"""
    UPDATE predictions SET follows = NULL, reserved = CASE WHEN price > 0 THEN :reserved ELSE 0 END
    WHERE {_THIS} RETURNING {columns("predictions")}"""
FOLLOW = f"UPDATE predictions SET follows = :id WHERE {_FOLLOWS} RETURNING id"


class Following:
    """The followers of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Prediction]:
        """Everyone who waits for another's run."""
        return [prediction_of(row) for row in await self._database.fetch(ALL)]

    async def left(self) -> list[Prediction]:
        """Leaders that have ended, and still have followers."""
        return [prediction_of(row) for row in await self._database.fetch(LEFT)]

    async def of(self, leader: Prediction) -> list[Prediction]:
        """Who waits for the run of a prediction, oldest first."""
        return [prediction_of(row) for row in await self._database.fetch(OF, {"leader": leader.id})]

    async def entry(self, leader: Prediction) -> Entry:
        """The result of a leader that succeeded, as the store would have it."""
        row = await self._database.fetch_one(ACTIVE, {"id": leader.id})
        return Entry(leader, leader.completed_at or "", leader.account, row["active_us"] if row else 0)

    async def end(
        self, leader: Prediction, ended: Prediction, entry: Entry | None, now: str
    ) -> Prediction | None:
        """End a follower as `ended` says; None when it waits for that leader no more.

        entry: what it is answered from, if it is.
        """
        given = {
            "id": ended.id,
            "leader": leader.id,
            "status": ended.status,
            "output": ended.output,
            "error": ended.error,
            "logs": ended.logs,
            "metrics": ended.metrics,
            "weights": leader.weights,
            "cached": ended.cached,
            "now": now,
        }
        save = (saved(entry, ended, now, joined=True),) if entry is not None else ()
        rows, *_ = await self._database.write(
            Statement(END, given, guard=True),
            *on_loss(ended, now),
            *save,
            *outbox.on_following_end(ended, now, succeeded=ended.status is Status.SUCCEEDED),
        )
        return prediction_of(rows[0]) if rows else None

    async def rejoin(self, leader: Prediction) -> str | None:
        """Let all who followed it follow another one with the same key that has not ended; its id, if there is one."""
        given = {"leader": leader.id, "cache_key": leader.cache_key}
        (rows,) = await self._database.write(Statement(REJOIN, given))
        if not rows:
            return None
        row = await self._database.fetch_one(
            "SELECT follows FROM predictions WHERE id = :id", {"id": rows[0]["id"]}
        )
        return str(row["follows"]) if row else None

    async def promote(
        self, leader: Prediction, follower: Prediction, also: Sequence[Statement] = ()
    ) -> Prediction | None:
        """Let a follower run, and all others follow it. None when it waits no more, or `also`, guards, forbid it."""
        given = {"id": follower.id, "leader": leader.id, "reserved": leader.reserved}
        results = await self._database.write(
            *also, Statement(PROMOTE, given, guard=True), Statement(FOLLOW, given)
        )
        rows = results[len(also)]
        return prediction_of(rows[0]) if rows else None
