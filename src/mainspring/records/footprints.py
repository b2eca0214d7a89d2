"""What versions were measured to take, and how they are used: facts for placing the next instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainspring.database import Database, Statement
from mainspring.records.instances import Instance
from mainspring.records.recent import Recent

_PEAK = "CASE WHEN excluded.{0} > footprints.{0} THEN excluded.{0} ELSE footprints.{0} END"
MEASURED = """
    UPDATE instances SET memory_used = :memory, gpu_memory_used = coalesce(:gpu_memory, gpu_memory_used)
    WHERE id = :id AND state <> 'ended'"""
PEAK = f"""
    INSERT INTO footprints (model, version, kind, memory, gpu_memory, measured_at)
    VALUES (:model, :version, :kind, :memory, coalesce(:gpu_memory, 0), :now)
    ON CONFLICT (model, version, kind) DO UPDATE SET memory = {_PEAK.format("memory")},
        gpu_memory = {_PEAK.format("gpu_memory")}, measured_at = :now
    WHERE excluded.memory > footprints.memory OR excluded.gpu_memory > footprints.gpu_memory"""
GET = """
    SELECT memory, gpu_memory FROM footprints WHERE model = :model AND version = :version AND kind = :kind"""
CALLS = """
    SELECT queue, count(*) AS calls FROM
        (SELECT queue FROM predictions WHERE id > :since ORDER BY id DESC LIMIT :limit) GROUP BY queue"""
_MOST_CALLS = 20_000


@dataclass(frozen=True, slots=True)
class Footprint:
    """The most that an instance of a version took: bytes, gpu_memory on one GPU, 0 when not known."""

    memory: int
    gpu_memory: int


@dataclass(frozen=True, slots=True)
class Measure:
    """What one instance takes now: bytes of all its processes; gpu_memory on one GPU, None when not told.

    worked: it has run something, so that this says what its work takes.
    """

    instance: Instance
    kind: str
    memory: int
    gpu_memory: int | None
    worked: bool


class Footprints:
    """The measurements of the ledger. What it was asked for is remembered for some seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent = Recent(ttl_s=5.0, size=256)

    async def get(self, model: str, version: str, kind: str) -> Footprint | None:
        """The peak so far; None for one that has never worked while it was looked at."""
        key = (model, version, kind)
        if (found := self._recent.get(key)) is None:
            given = {"model": model, "version": version, "kind": kind}
            row = await self._database.fetch_one(GET, given)
            found = Footprint(row["memory"], row["gpu_memory"]) if row else Footprint(0, 0)
            self._recent.put(key, found)
        return found if found.memory else None

    async def note(self, measures: Sequence[Measure], now: str) -> None:
        """Store measurements: each as its instance's newest, and as its version's peak if it is."""
        edits: list[Statement] = []
        for each in measures:
            one = {"memory": each.memory, "gpu_memory": each.gpu_memory}
            edits.append(Statement(MEASURED, {**one, "id": each.instance.id}))
            if each.worked:
                this = {"model": each.instance.model, "version": each.instance.version, "kind": each.kind}
                edits.append(Statement(PEAK, {**one, **this, "now": now}))
        if edits:
            await self._database.write(*edits)

    async def calls(self, since: str) -> dict[str, int]:
        """How many of the newest predictions, as far back as the id since, each line got."""
        rows = await self._database.fetch(CALLS, {"since": since, "limit": _MOST_CALLS})
        return {row["queue"]: row["calls"] for row in rows}
