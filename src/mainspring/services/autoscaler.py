"""Decides which instances there shall be; writes rows, the director acts on them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.core.ids import new_id, parse_time, rfc3339
from mainspring.core.placement import Capacity, Need, Resident, impossible, place
from mainspring.core.scaling import Copy, Observed, Policy, decide
from mainspring.database.hints import Hints
from mainspring.records.catalog import Catalog, Model, Version
from mainspring.records.feed import Feed
from mainspring.records.instances import Instance, Instances
from mainspring.records.predictions import Line, Predictions
from mainspring.settings import Settings

log = logging.getLogger(__name__)
_REBOOT_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class _Fleet:
    """All that one look at the ledger found."""

    lines: dict[str, Line]
    live: list[Instance]
    running: dict[str, int]
    failed_at: dict[str, str]


class Autoscaler:
    """One look at queues and instances, one decision for each version."""

    topic = "scale"
    interval_s = 1.0

    def __init__(
        self,
        *,
        settings: Settings,
        capacity: Capacity,
        hints: Hints,
        feed: Feed,
        catalog: Catalog,
        predictions: Predictions,
        instances: Instances,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._capacity = capacity
        self._hints = hints
        self._feed = feed
        self._catalog = catalog
        self._predictions = predictions
        self._instances = instances
        self._now = now

    async def run_once(self) -> int:
        """Observe, decide, write. Returns how many rows it changed."""
        movements = self._feed.movements()
        fleet = _Fleet(
            await self._predictions.lines(),
            await self._instances.live(),
            await self._predictions.running(),
            await self._instances.failed(rfc3339(self._now() - timedelta(seconds=_REBOOT_AFTER_S))),
        )
        self._feed.counted({queue: line.waiting for queue, line in fleet.lines.items()}, movements)
        warm = await self._catalog.warm()
        queues = (
            {i.queue for i in fleet.live}
            | set(fleet.lines)
            | {f"{m.full_name}:{m.latest_version}" for m in warm}
        )
        changed = 0
        for queue in sorted(queues, key=lambda q: fleet.lines[q].oldest if q in fleet.lines else "~"):
            changed += await self._scale(queue, fleet)
        if changed:
            self._hints.hint("instances")
        return changed

    async def _scale(self, queue: str, fleet: _Fleet) -> int:
        path, _, version_id = queue.partition(":")
        model = await self._catalog.get_model(*path.split("/", 1))
        version = await self._catalog.get_version(path, version_id)
        if model is None or version is None:
            return await self._retire(queue, fleet)
        policy = self._policy(model, version)
        decision = decide(policy, self._observe(queue, fleet))
        if decision.launch and queue not in fleet.lines and queue in fleet.failed_at:
            return 0
        changed = 0
        for _ in range(decision.launch):
            changed += await self._launch(queue, version, model, fleet)
        for instance_id in decision.stop:
            changed += await self._instances.stop(instance_id, "idle")
        return changed

    def _policy(self, model: Model, version: Version) -> Policy:
        latest = model.latest_version == version.id
        maximum = model.max_instances if model.max_instances is not None else self._settings.max_instances
        idle = model.idle_timeout_s if model.idle_timeout_s is not None else self._settings.idle_timeout_s
        return Policy(
            min_instances=min(model.min_instances, maximum) if latest else 0,
            max_instances=maximum,
            slots=version.slots,
            idle_timeout_s=idle,
        )

    def _observe(self, queue: str, fleet: _Fleet) -> Observed:
        line = fleet.lines.get(queue)
        copies = tuple(
            Copy(i.id, i.state == "ready", fleet.running.get(i.id, 0), self._age_s(i.last_used_at))
            for i in fleet.live
            if i.queue == queue and i.state != "stopping"
        )
        return Observed(line.waiting if line else 0, self._age_s(line.oldest) if line else 0.0, copies)

    async def _launch(self, queue: str, version: Version, model: Model, fleet: _Fleet) -> int:
        memory = model.instance_memory or self._settings.instance_memory
        need = Need(
            min(self._settings.instance_cpus, self._capacity.cpus),
            memory,
            min(int(version.gpu), self._capacity.gpus),
        )
        reason = impossible(need, self._capacity)
        if reason is not None:
            return await self._refuse(queue, f"{model.full_name} can't run on this machine: {reason}.")
        residents = await self._residents(queue, fleet)
        placement = place(need, self._capacity, residents)
        if not placement.fits:
            leaving = {i.id for i in fleet.live if i.state == "stopping"}
            if place(need, self._capacity, tuple(r for r in residents if r.id not in leaving)).fits:
                return 0
            stopped = [await self._instances.stop(i, f"room for {model.full_name}") for i in placement.evict]
            return sum(stopped)
        now = self._now()
        instance = Instance(
            id=new_id(now),
            queue=queue,
            model=model.full_name,
            version=version.id,
            state="booting",
            devices=placement.devices,
            memory=memory,
            slots=version.slots,
            created_at=rfc3339(now),
            last_used_at=rfc3339(now),
        )
        await self._instances.add(instance)
        fleet.live.append(instance)
        log.info("boot %s of %s", instance.id, queue)
        return 1

    async def _residents(self, queue: str, fleet: _Fleet) -> tuple[Resident, ...]:
        found = []
        for i in fleet.live:
            idle_s = await self._evictable_s(i, queue, fleet)
            found.append(Resident(i.id, self._settings.instance_cpus, i.memory, i.devices, idle_s))
        return tuple(found)

    async def _evictable_s(self, instance: Instance, queue: str, fleet: _Fleet) -> float | None:
        """How long it has been idle; None for one that works, boots, is to be kept warm, or whose own line waits."""
        if instance.state != "ready" or fleet.running.get(instance.id, 0):
            return None
        if instance.queue == queue or instance.queue in fleet.lines:
            return None
        model = await self._catalog.get_model(*instance.model.split("/", 1))
        if model is not None and model.min_instances and model.latest_version == instance.version:
            return None
        return self._age_s(instance.last_used_at)

    async def _refuse(self, queue: str, error: str) -> int:
        failed = await self._predictions.fail_queue(queue, error, "", rfc3339(self._now()))
        for prediction in failed:
            self._feed.close(prediction)
        return len(failed)

    async def _retire(self, queue: str, fleet: _Fleet) -> int:
        """The version is gone: so are its line and its instances."""
        changed = await self._refuse(queue, "The version of this prediction was deleted.")
        for instance in fleet.live:
            if instance.queue == queue:
                changed += await self._instances.stop(instance.id, "version deleted")
        return changed

    def _age_s(self, at: str) -> float:
        return (self._now() - parse_time(at)).total_seconds()
