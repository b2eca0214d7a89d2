"""Counts over the whole ledger that grow as it does: each row is looked at once, in the order of arrival.

What has ended has a row of usage, written in the transaction that ended it. So these counts miss nothing and count
nothing twice, whatever crashed, and cost those who make predictions nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from mainspring.core.histogram import Histogram
from mainspring.database import Database, Row
from mainspring.records.metering import micros_sql

WAIT_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
RUN_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 7200)
_AT_ONCE = 20_000
_PARTS = ("setup", "idle", "active", "lost")


def _since_midnight(column: str) -> str:
    return f"substr({column}, 12, 2) * 3600 + substr({column}, 15, 2) * 60 + substr({column}, 18, 9)"


def _took(till: str, since: str) -> str:
    """Seconds between two times of the ledger; those of one day without SQLite's slow reading of dates."""
    far = f"({micros_sql(till)} - {micros_sql(since)}) / 1e6"
    near = f"({_since_midnight(till)}) - ({_since_midnight(since)})"
    return f"max(0.0, CASE WHEN substr({till}, 1, 10) = substr({since}, 1, 10) THEN {near} ELSE {far} END)"


def _bucket(bounds: tuple[float, ...], value: str) -> str:
    """The bucket of a histogram that a value falls in; NULL for NULL."""
    found = " ".join(f"WHEN {value} <= {bound} THEN {index}" for index, bound in enumerate(bounds))
    return f"CASE WHEN {value} IS NULL THEN NULL {found} ELSE {len(bounds)} END"


LAST = "SELECT coalesce(max(rowid), 0) AS last FROM usage"
ENDED = f"""
    WITH new AS (
        SELECT u.model, u.kind, u.status, coalesce(u.hardware, '') AS hardware, u.account, u.amount,
            {", ".join(f"u.{part}_us" for part in _PARTS)}, {_took("p.started_at", "p.created_at")} AS waited,
            CASE WHEN u.status = 'succeeded' THEN {_took("p.completed_at", "p.started_at")} END AS ran
        FROM usage u LEFT JOIN predictions p ON p.id = u.id AND u.kind <> 'instance'
        WHERE u.rowid > :after AND u.rowid <= :upto)
    SELECT model, kind, status, hardware, account, {_bucket(WAIT_S, "waited")} AS wait_bucket,
        {_bucket(RUN_S, "ran")} AS run_bucket, count(*) AS ended, sum(amount) AS amount,
        {", ".join(f"sum({part}_us) AS {part}" for part in _PARTS)}, sum(waited) AS waited, sum(ran) AS ran
    FROM new GROUP BY 1, 2, 3, 4, 5, 6, 7"""
BACKLOG = """
    SELECT count(*) AS pending, min(CASE WHEN due_at <= :now THEN due_at END) AS overdue
    FROM deliveries WHERE state = 'pending'"""
DEAD = "SELECT count(*) AS dead FROM deliveries WHERE state = 'dead'"


class Counted:
    """ended: predictions and trainings by (model, kind, status). waited, ran: seconds by (model, kind).

    instances: microseconds of their time by (model, hardware, part). spent: micro-dollars by (model, hardware),
    spent_by: by account. whole: whether the ledger has been read to its end once, so that it all counts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = 0
        self._looking: asyncio.Task[None] | None = None
        self.whole = False
        self.ended: Counter[tuple[str, str, str]] = Counter()
        self.waited: dict[tuple[str, str], Histogram] = {}
        self.ran: dict[tuple[str, str], Histogram] = {}
        self.instances: Counter[tuple[str, str, str]] = Counter()
        self.spent: Counter[tuple[str, str]] = Counter()
        self.spent_by: Counter[str] = Counter()

    async def look(self, patience_s: float) -> None:
        """Count what came since the last time, or as much of it as can be in that time; the rest follows by itself."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._catch_up())
        done, _ = await asyncio.wait({self._looking}, timeout=patience_s)
        for looked in done:
            looked.result()

    async def backlog(self, now: str) -> tuple[int, str | None, int]:
        """(webhooks that are to be sent, when the longest overdue of them was due, those given up)."""
        (pending,) = await self._database.fetch(BACKLOG, {"now": now})
        (dead,) = await self._database.fetch(DEAD)
        return pending["pending"], pending["overdue"], dead["dead"]

    async def _catch_up(self) -> None:
        last = int((await self._database.fetch(LAST))[0]["last"])
        while self._after < last:
            upto = min(last, self._after + _AT_ONCE)
            for row in await self._database.fetch(ENDED, {"after": self._after, "upto": upto}):
                self._count(row)
            self._after = upto
        self.whole = True

    def _count(self, row: Row) -> None:
        which = (row["model"], row["kind"])
        if row["kind"] != "instance":
            self.ended[(*which, row["status"])] += row["ended"]
        for part in _PARTS:
            self.instances[(row["model"], row["hardware"], part)] += row[part]
        self.spent[(row["model"], row["hardware"])] += row["amount"]
        self.spent_by[row["account"]] += row["amount"]
        if row["wait_bucket"] is not None:
            waited = self.waited.setdefault(which, Histogram(WAIT_S))
            waited.add(row["wait_bucket"], row["ended"], row["waited"])
        if row["run_bucket"] is not None:
            self.ran.setdefault(which, Histogram(RUN_S)).add(row["run_bucket"], row["ended"], row["ran"])
