"""Who waits in which line, and how many run where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainspring.database import Row

# The words of a partial index. Who follows another stands in no line.
IN_LINE = "status = 'starting' AND follows IS NULL"
WAITING = f"""
    SELECT queue, count(*) AS waiting, min(created_at) AS oldest FROM predictions
    WHERE {IN_LINE} GROUP BY queue"""
AHEAD = f"SELECT count(*) AS ahead FROM predictions WHERE queue = :queue AND {IN_LINE} AND id < :id"
RUNNING = "SELECT instance_id, count(*) AS running FROM predictions WHERE status = 'processing' GROUP BY instance_id"


@dataclass(frozen=True, slots=True)
class Line:
    """What waits in one queue. oldest is when its first prediction was created."""

    waiting: int
    oldest: str


def lines_of(rows: Sequence[Row]) -> dict[str, Line]:
    """What waits, by queue: rows of WAITING."""
    return {row["queue"]: Line(row["waiting"], row["oldest"]) for row in rows}


def running_of(rows: Sequence[Row]) -> dict[str, int]:
    """How many predictions run, by instance: rows of RUNNING."""
    return {row["instance_id"]: row["running"] for row in rows}
