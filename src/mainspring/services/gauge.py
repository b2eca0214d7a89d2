"""Measures what instances take of memory and GPUs while they run, for the fleet page and for the next placement."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from mainspring.core.ids import rfc3339
from mainspring.core.queue import Queue
from mainspring.launchers.gpus import Gpu
from mainspring.launchers.machine import Machine
from mainspring.launchers.processes import Process
from mainspring.records.footprints import Footprints, Measure
from mainspring.records.instances import Instance, Instances


class Gauge:
    """One look at all processes and GPUs every few seconds."""

    topic = "gauge"
    interval_s = 5.0

    def __init__(
        self, *, machine: Machine, instances: Instances, footprints: Footprints, now: Callable[[], datetime]
    ) -> None:
        self._machine = machine
        self._instances = instances
        self._footprints = footprints
        self._now = now

    async def run_once(self) -> int:
        """Measure, and write what was found. Returns how many instances were measured."""
        live = await self._instances.live()
        processes, gpus = await asyncio.to_thread(self._look, bool(live))
        on_gpus, taken = attribute(gpus, live, processes, self._machine.taken)
        self._machine.taken = taken
        measures = measure(live, processes, on_gpus)
        await self._footprints.note(measures, rfc3339(self._now()))
        return len(measures)

    def _look(self, any_live: bool) -> tuple[list[Process], tuple[Gpu, ...]]:
        return list(self._machine.processes()) if any_live else [], self._machine.gpus()


def measure(
    live: Iterable[Instance], processes: Iterable[Process], on_gpus: Mapping[str, int]
) -> list[Measure]:
    """What each instance with a process takes. on_gpus: bytes by instance."""
    memory: Counter[int] = Counter()
    for process in processes:
        memory[process.session] += process.memory
    return [
        Measure(
            instance=i,
            kind="training" if Queue.parse(i.queue).training is not None else "prediction",
            memory=memory[i.pid],
            gpu_memory=on_gpus.get(i.id),
            worked=i.ready_at is not None and i.last_used_at > i.ready_at,
        )
        for i in live
        if i.pid is not None and memory[i.pid]
    ]


def attribute(
    gpus: Iterable[Gpu], live: Sequence[Instance], processes: Iterable[Process], before: Mapping[int, int]
) -> tuple[dict[str, int], dict[int, int]]:
    """The most bytes on one GPU by instance, and what others hold of each GPU.

    Where the driver does not tell of processes, as in some containers, all that came since a GPU was empty counts for
    the instance that has it for itself. before: what others held at the last look.
    """
    sessions = {process.pid: process.session for process in processes}
    most: dict[str, int] = {}
    taken: dict[int, int] = {}
    for gpu in gpus:
        here = [i for i in live if gpu.index in i.devices]
        told = _told(gpu, here, sessions)
        others = gpu.used - sum(told.values())
        if not told and here:
            others = min(gpu.used, before.get(gpu.index, 0))
            told = {here[0].id: gpu.used - others} if len(here) == 1 else {}
        taken[gpu.index] = max(0, others)
        for instance_id, used in told.items():
            most[instance_id] = max(most.get(instance_id, 0), used)
    return most, taken


def _told(gpu: Gpu, here: Iterable[Instance], sessions: Mapping[int, int]) -> dict[str, int]:
    owners = {i.pid: i.id for i in here if i.pid is not None}
    found: Counter[str] = Counter()
    for pid, used in gpu.processes.items():
        owner = owners.get(sessions.get(pid, 0))
        if owner is not None:
            found[owner] += used
    return dict(found)
