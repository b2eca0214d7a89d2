"""Instances in the ledger: where each running copy of a version is, and in which state.

booting ──▶ ready ──▶ stopping ──▶ ended; any of them ──▶ ended when its process is gone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

from mainspring.core.ids import micros, parse_time
from mainspring.database import Database, Row, Statement
from mainspring.records import metering
from mainspring.records.lines import RUNNING, WAITING, Line, lines_of, running_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One copy of a version on this machine. hardware: SKU; devices: GPU indexes.

    memory: bytes set aside for it, gpu_memory: on each of its devices, 0 for all of it; the used ones as measured last.
    cpus: cores, None for what the settings say. cause says why it was booted, reason why it went, fault why it never
    got ready, if that is the model's doing. steps: JSON array of {name, at}, how it came up so far.
    payer: the account that pays for all of its time, None when it serves everybody. deployment: owner/name. price,
    list_price: nano-dollars for a second, here and at Replicate.
    """

    id: str
    queue: str
    model: str
    version: str
    state: str
    devices: tuple[int, ...]
    memory: int
    slots: int
    address: str | None = None
    pid: int | None = None
    pid_started_at: int | None = None
    created_at: str
    ready_at: str | None = None
    last_used_at: str
    ended_at: str | None = None
    reason: str | None = None
    setup_logs: str = ""
    hardware: str = "cpu"
    cpus: float | None = None
    fault: str | None = None
    steps: str = "[]"
    gpu_memory: int = 0
    memory_used: int | None = None
    gpu_memory_used: int | None = None
    cause: str | None = None
    payer: str | None = None
    deployment: str | None = None
    price: int = 0
    list_price: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What waits by queue, every instance that has not ended, how many predictions run by instance: at one moment."""

    lines: dict[str, Line]
    live: list[Instance]
    running: dict[str, int]


_COLUMNS = tuple(f.name for f in fields(Instance))
_ALL = ", ".join(_COLUMNS)

ADD = f"""
    INSERT INTO instances ({_ALL}, settled_us) VALUES ({", ".join(":" + c for c in _COLUMNS)}, :settled_us)"""
LIVE = f"SELECT {_ALL} FROM instances WHERE state <> 'ended' ORDER BY created_at"
LAUNCHED = """
    UPDATE instances SET address = :address, pid = :pid, pid_started_at = :pid_started_at, steps = :steps
    WHERE id = :id AND state = 'booting' RETURNING id"""
READY = """
    UPDATE instances SET state = 'ready', ready_at = :now, last_used_at = :now, setup_logs = :logs, steps = :steps
    WHERE id = :id AND state = 'booting' RETURNING id"""
STEPPED = "UPDATE instances SET steps = :steps WHERE id = :id AND state = 'booting' RETURNING id"
SERVING = f"SELECT {_ALL} FROM instances WHERE queue = :queue AND state <> 'ended' ORDER BY created_at"
USED = "UPDATE instances SET last_used_at = :now WHERE id = :id AND state = 'ready'"
STOP = """
    UPDATE instances SET state = 'stopping', reason = :reason WHERE id = :id AND state IN ('booting', 'ready')
    AND NOT EXISTS (SELECT 1 FROM predictions WHERE instance_id = :id AND status = 'processing') RETURNING id"""
DRAIN = """
    UPDATE instances SET state = 'stopping', reason = :reason WHERE id = :id AND state IN ('booting', 'ready')
    RETURNING id"""
END = """
    UPDATE instances SET state = 'ended', ended_at = :now, reason = coalesce(reason, :reason), setup_logs = :logs,
        fault = :fault
    WHERE id = :id AND state <> 'ended' RETURNING id"""
FAILED = """
    SELECT queue, max(ended_at) AS at FROM instances
    WHERE state = 'ended' AND fault IS NOT NULL AND ended_at > :since GROUP BY queue"""
FAULT = f"""
    SELECT {_ALL} FROM instances WHERE state = 'ended' AND fault IS NOT NULL AND queue = :queue
    ORDER BY ended_at DESC LIMIT 1"""
GET = f"SELECT {_ALL} FROM instances WHERE id = :id"
ENDED = f"SELECT {_ALL} FROM instances WHERE state = 'ended' ORDER BY ended_at DESC LIMIT :limit"
DEPARTED = """
    SELECT queue, max(ended_at) AS at FROM instances
    WHERE state = 'ended' AND ready_at IS NOT NULL AND ended_at > :since GROUP BY queue"""
BOOTS = """
    SELECT model, version, created_at, ready_at FROM instances WHERE ready_at IS NOT NULL
    ORDER BY created_at DESC LIMIT 500"""
PRUNE = "DELETE FROM instances WHERE state = 'ended' AND ended_at < :before"


class Instances:
    """The instances of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, instance: Instance) -> None:
        """Store a decision to boot."""
        row = {c: getattr(instance, c) for c in _COLUMNS}
        row |= {"devices": json.dumps(instance.devices), "settled_us": micros(instance.created_at)}
        await self._database.write(Statement(ADD, row))

    async def live(self) -> list[Instance]:
        """Every instance that has not ended, oldest first."""
        return [_instance(row) for row in await self._database.fetch(LIVE)]

    async def traffic(self) -> Traffic:
        """Lines, instances and what these run.

        Read one after the other, a prediction that is claimed meanwhile would count twice: as waiting and as running.
        """
        waiting, live, running = await self._database.fetch_together(
            *(Statement(sql, {}) for sql in (WAITING, LIVE, RUNNING))
        )
        return Traffic(lines_of(waiting), [_instance(row) for row in live], running_of(running))

    async def serving(self, queue: str) -> list[Instance]:
        """Every instance of a line that has not ended, oldest first."""
        return [_instance(row) for row in await self._database.fetch(SERVING, {"queue": queue})]

    async def get(self, instance_id: str) -> Instance | None:
        """The instance, in whatever state."""
        row = await self._database.fetch_one(GET, {"id": instance_id})
        return _instance(row) if row else None

    async def ended(self, limit: int) -> list[Instance]:
        """Those that ended last, newest first."""
        return [_instance(row) for row in await self._database.fetch(ENDED, {"limit": limit})]

    async def launched(
        self, instance_id: str, address: str, pid: int, pid_started_at: int, steps: str = "[]"
    ) -> bool:
        """Note its process and the steps so far; False when it is no longer wanted."""
        given = {"address": address, "pid": pid, "pid_started_at": pid_started_at, "steps": steps}
        return await self._change(LAUNCHED, id=instance_id, **given)

    async def stepped(self, instance_id: str, steps: str) -> bool:
        """Note how far it came; False when it is no longer wanted."""
        return await self._change(STEPPED, id=instance_id, steps=steps)

    async def ready(self, instance_id: str, logs: str, now: str, steps: str = "[]") -> bool:
        """Setup is done; False when it is no longer wanted."""
        return await self._change(READY, id=instance_id, logs=logs, now=now, steps=steps)

    async def used(self, instance_id: str, now: str) -> None:
        """It worked until now."""
        await self._database.write(Statement(USED, {"id": instance_id, "now": now}))

    async def stop(self, instance_id: str, reason: str) -> bool:
        """Let it go if it runs nothing; False when it does, or is going already."""
        return await self._change(STOP, id=instance_id, reason=reason)

    async def drain(self, instance_id: str, reason: str) -> bool:
        """Let it go once what it runs has ended; it takes nothing more. False when it is going already."""
        return await self._change(DRAIN, id=instance_id, reason=reason)

    async def end(
        self,
        instance_id: str,
        reason: str,
        logs: str,
        now: str,
        fault: str | None = None,
        of_use_until: str | None = None,
    ) -> bool:
        """Its process is gone; False when that was known. fault: why it never got ready, if the model is to blame.

        of_use_until: when its time stopped to be worth paying for, if that is not now.
        """
        given = {"id": instance_id, "reason": reason, "logs": logs, "now": now, "fault": fault}
        metered = metering.on_instance_end(instance_id, of_use_until or now)
        *_, rows = await self._database.write(*metered, Statement(END, given))
        return bool(rows)

    async def fault(self, queue: str) -> Instance | None:
        """The last instance of a queue that failed to get ready."""
        row = await self._database.fetch_one(FAULT, {"queue": queue})
        return _instance(row) if row else None

    async def failed(self, since: str) -> dict[str, str]:
        """When an instance last failed to get ready, by queue."""
        return {row["queue"]: row["at"] for row in await self._database.fetch(FAILED, {"since": since})}

    async def departed(self, since: str) -> dict[str, str]:
        """When an instance that had been ready ended last, by queue."""
        return {row["queue"]: row["at"] for row in await self._database.fetch(DEPARTED, {"since": since})}

    async def boots(self) -> dict[tuple[str, str], float]:
        """Seconds that the newest boots took, by model and version: the median of up to five."""
        found: dict[tuple[str, str], list[float]] = {}
        for row in await self._database.fetch(BOOTS):
            took = parse_time(row["ready_at"]) - parse_time(row["created_at"])
            found.setdefault((row["model"], row["version"]), []).append(took.total_seconds())
        return {which: median(seconds[:5]) for which, seconds in found.items()}

    async def prune(self, before: str) -> None:
        """Forget instances that ended before a time."""
        await self._database.write(Statement(PRUNE, {"before": before}))

    async def _change(self, sql: str, **params: Any) -> bool:
        (rows,) = await self._database.write(Statement(sql, params))
        return bool(rows)


def _instance(row: Row) -> Instance:
    given = {c: row[c] for c in _COLUMNS}
    devices: Sequence[int] = json.loads(given["devices"])
    return Instance(**{**given, "devices": tuple(devices)})
