"""Counts over the whole ledger that grow as it does: each row is looked at once, in the order of arrival.

What has ended has a row of usage, written in the transaction that ended it. So these counts miss nothing and count
nothing twice, whatever crashed, and cost those who make predictions nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from mainspring.core.histogram import Histogram
from mainspring.database import Database
from mainspring.records.metering import micros_sql

WAIT_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
RUN_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 7200)
_AT_ONCE = 20_000
_PARTS = ("setup", "idle", "active", "lost")

LAST = "SELECT coalesce(max(rowid), 0) AS last FROM usage"
ENDED = f"""
    SELECT model, kind, status, coalesce(hardware, '') AS hardware, account, count(*) AS ended,
        sum(amount) AS amount, {", ".join(f"sum({part}_us) AS {part}" for part in _PARTS)}
    FROM usage WHERE rowid > :after AND rowid <= :upto GROUP BY 1, 2, 3, 4, 5"""


def _spread(bounds: tuple[float, ...], till: str, since: str, which: str) -> str:
    """How long something took, by model, kind and bucket of a histogram."""
    bucket = " ".join(f"WHEN took <= {bound} THEN {index}" for index, bound in enumerate(bounds))
    return f"""
    SELECT model, kind, CASE {bucket} ELSE {len(bounds)} END AS bucket, count(*) AS count, sum(took) AS total FROM (
        SELECT p.model, p.kind, max(0.0, ({micros_sql(till)} - {micros_sql(since)}) / 1e6) AS took
        FROM usage u JOIN predictions p ON p.id = u.id
        WHERE u.rowid > :after AND u.rowid <= :upto AND p.started_at IS NOT NULL AND {which})
    GROUP BY 1, 2, 3"""


WAITED = _spread(WAIT_S, "p.started_at", "p.created_at", "1")
RAN = _spread(RUN_S, "p.completed_at", "p.started_at", "p.status = 'succeeded'")
BACKLOG = """
    SELECT count(*) AS pending, min(CASE WHEN due_at <= :now THEN due_at END) AS overdue
    FROM deliveries WHERE state = 'pending'"""
DEAD = "SELECT count(*) AS dead FROM deliveries WHERE state = 'dead'"


class Counted:
    """ended: predictions and trainings by (model, kind, status). waited, ran: seconds by (model, kind).

    seconds: of instances' time, in microseconds by (model, hardware, part). spent: micro-dollars by (model, hardware),
    spent_by: by account.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = 0
        self._looking = asyncio.Lock()
        self.ended: Counter[tuple[str, str, str]] = Counter()
        self.waited: dict[tuple[str, str], Histogram] = {}
        self.ran: dict[tuple[str, str], Histogram] = {}
        self.seconds: Counter[tuple[str, str, str]] = Counter()
        self.spent: Counter[tuple[str, str]] = Counter()
        self.spent_by: Counter[str] = Counter()

    async def look(self) -> None:
        """Count what came since the last time; the first time, everything there is."""
        async with self._looking:
            last = int((await self._database.fetch(LAST))[0]["last"])
            while self._after < last:
                upto = min(last, self._after + _AT_ONCE)
                await self._count({"after": self._after, "upto": upto})
                self._after = upto

    async def backlog(self, now: str) -> tuple[int, str | None, int]:
        """(webhooks that are to be sent, when the longest overdue of them was due, those given up)."""
        (pending,) = await self._database.fetch(BACKLOG, {"now": now})
        (dead,) = await self._database.fetch(DEAD)
        return pending["pending"], pending["overdue"], dead["dead"]

    async def _count(self, given: dict[str, int]) -> None:
        ended = await self._database.fetch(ENDED, given)
        waited, ran = await self._database.fetch(WAITED, given), await self._database.fetch(RAN, given)
        for row in ended:
            if row["kind"] != "instance":
                self.ended[(row["model"], row["kind"], row["status"])] += row["ended"]
            for part in _PARTS:
                self.seconds[(row["model"], row["hardware"], part)] += row[part]
            self.spent[(row["model"], row["hardware"])] += row["amount"]
            self.spent_by[row["account"]] += row["amount"]
        for bounds, rows, into in ((WAIT_S, waited, self.waited), (RUN_S, ran, self.ran)):
            for row in rows:
                found = into.setdefault((row["model"], row["kind"]), Histogram(bounds))
                found.add(row["bucket"], row["count"], row["total"])
