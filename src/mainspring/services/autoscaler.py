"""Decides which instances there shall be; writes rows, the director acts on them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mainspring.core.hardware import prices
from mainspring.core.ids import new_id, parse_time, rfc3339
from mainspring.core.placement import Capacity, Resident, impossible
from mainspring.core.queue import Queue
from mainspring.core.room import Offer, Seeker, Tenant, seek
from mainspring.core.scaling import Copy, Observed, decide
from mainspring.database.hints import Hints
from mainspring.records.feed import Feed
from mainspring.records.footprints import Footprints
from mainspring.records.instances import Instance, Instances
from mainspring.records.lines import Line
from mainspring.records.predictions import Predictions
from mainspring.services.lines import Lines, Wanted, Warm
from mainspring.settings import Settings

log = logging.getLogger(__name__)
_REBOOT_AFTER_S = 30.0
_HABITS = timedelta(hours=1)
_HABITS_KEPT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Fleet:
    """All that one look at the ledger found."""

    lines: dict[str, Line]
    live: list[Instance]
    running: dict[str, int]
    failed_at: dict[str, str]
    warm: Warm
    departed: dict[str, str]
    claims: list[Resident] = field(default_factory=list)

    def queues(self) -> list[str]:
        """Every line that has, wants or waits for instances, the hungriest first."""
        found = {i.queue for i in self.live} | self.lines.keys() | self.warm.queues()
        return sorted(found, key=lambda q: self.hungry_since(q) or "~")

    def hungry_since(self, queue: str) -> str | None:
        """Since when something waits in the line, or since its last instance went; None when nothing waits."""
        line = self.lines.get(queue)
        return max(line.oldest, self.departed.get(queue, "")) if line is not None else None

    def busy(self) -> dict[str, int]:
        """How many instances of each line run something."""
        return Counter(i.queue for i in self.live if self.running.get(i.id))


@dataclass(frozen=True, slots=True)
class _Habits:
    """Seconds of a boot by version, calls by line, and when this was found."""

    boots: dict[tuple[str, str], float]
    calls: dict[str, int]
    at: datetime | None


class Autoscaler:
    """One look at queues and instances, one decision for each line."""

    topic = "scale"
    interval_s = 1.0

    def __init__(
        self,
        *,
        settings: Settings,
        capacity: Callable[[], Capacity],
        hints: Hints,
        feed: Feed,
        lines: Lines,
        predictions: Predictions,
        instances: Instances,
        footprints: Footprints,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._capacity = capacity
        self._hints = hints
        self._feed = feed
        self._lines = lines
        self._predictions = predictions
        self._instances = instances
        self._footprints = footprints
        self._habits = _Habits({}, {}, None)
        self._now = now

    async def run_once(self) -> int:
        """Observe, decide, write. Returns how many rows it changed."""
        movements = self._feed.movements()
        traffic = await self._instances.traffic()
        fleet = _Fleet(
            traffic.lines,
            traffic.live,
            traffic.running,
            await self._instances.failed(rfc3339(self._now() - timedelta(seconds=_REBOOT_AFTER_S))),
            await self._lines.warm(),
            await self._instances.departed(rfc3339(self._now() - _HABITS)),
        )
        self._feed.counted({queue: line.waiting for queue, line in fleet.lines.items()}, movements)
        changed, faults = 0, []
        for queue in fleet.queues():
            try:
                changed += await self._scale(queue, fleet)
            except Exception as fault:
                faults.append(fault)
        if changed:
            self._hints.hint("instances")
        if faults:
            raise ExceptionGroup(f"{len(faults)} lines could not be looked after, the others were", faults)
        return changed

    async def _scale(self, queue: str, fleet: _Fleet) -> int:
        line = Queue.parse(queue)
        wanted = await self._lines.wanted(line, fleet.warm, fleet.busy())
        if wanted is None:
            return await self._retire(queue, fleet)
        if line.training is not None:
            return await self._train(queue, wanted, fleet)
        decision = decide(wanted.policy, self._observe(queue, fleet))
        changed = 0
        if queue in fleet.lines or queue not in fleet.failed_at:
            changed += await self._grow(queue, wanted, decision.launch, fleet)
        for instance_id in decision.stop:
            changed += await self._instances.stop(instance_id, "idle")
        for instance_id in decision.drain:
            changed += await self._instances.drain(instance_id, "no longer wanted")
        return changed

    async def _train(self, queue: str, wanted: Wanted, fleet: _Fleet) -> int:
        """One instance for one training, as long as there are not too many of them."""
        own = [i for i in fleet.live if i.queue == queue]
        if queue not in fleet.lines:
            idle = [i for i in own if i.state != "stopping" and not fleet.running.get(i.id)]
            return sum([await self._instances.stop(i.id, "the training has ended") for i in idle])
        trainings = [i for i in fleet.live if Queue.parse(i.queue).training is not None]
        if own or len(trainings) >= self._settings.max_trainings:
            return 0
        return await self._grow(queue, wanted, 1, fleet)

    def _observe(self, queue: str, fleet: _Fleet) -> Observed:
        line = fleet.lines.get(queue)
        own = [i for i in fleet.live if i.queue == queue and i.state != "stopping"]
        copies = tuple(
            Copy(i.id, i.state == "ready", fleet.running.get(i.id, 0), self._age_s(i.last_used_at))
            for i in own
        )
        if line is None:
            return Observed(0, 0.0, copies)
        # Who waited for a boot has not waited in vain for what came of it.
        since = max(line.oldest, *(i.ready_at or "" for i in own), "")
        return Observed(line.waiting, self._age_s(since), copies)

    async def _grow(self, queue: str, wanted: Wanted, launch: int, fleet: _Fleet) -> int:
        reason = impossible(wanted.need, self._capacity()) if launch else None
        if reason is not None:
            return await self._never(
                queue, wanted, f"{wanted.queue.model} can't run on this machine: {reason}."
            )
        return sum([await self._launch(queue, wanted, fleet) for _ in range(launch)])

    async def _launch(self, queue: str, wanted: Wanted, fleet: _Fleet) -> int:
        """Boot one, or make room for it."""
        since = fleet.hungry_since(queue)
        first = not any(i.queue == queue and i.state != "stopping" for i in fleet.live)
        seeker = Seeker(queue, wanted.need, self._age_s(since) if since else 0.0, first)
        await self._learn()
        tenants = [self._tenant(i, fleet) for i in fleet.live]
        offer = seek(seeker, self._capacity(), tenants, fleet.claims)
        if offer.claim is not None:
            fleet.claims.append(offer.claim)
        if not offer.fits:
            return await self._make_room(wanted, offer, fleet)
        instance = replace(self._instance(queue, wanted, offer.devices), cause=self._cause(queue, fleet))
        await self._instances.add(instance)
        fleet.live.append(instance)
        log.info("boot: %s", instance.cause, extra={"instance": instance.id, "line": queue})
        return 1

    async def _make_room(self, wanted: Wanted, offer: Offer, fleet: _Fleet) -> int:
        room = f"room for {wanted.queue.model}"
        gone = {i for i in offer.stop if await self._instances.stop(i, room)}
        gone |= {i for i in offer.drain if await self._instances.drain(i, room)}
        fleet.live[:] = [replace(i, state="stopping") if i.id in gone else i for i in fleet.live]
        return len(gone)

    async def _learn(self) -> None:
        """Look at how long boots take and who is called how often, now and then."""
        now, known = self._now(), self._habits
        if known.at is None or now - known.at >= _HABITS_KEPT:
            calls = await self._footprints.calls(new_id(now - _HABITS))
            self._habits = _Habits(await self._instances.boots(), calls, now)

    def _instance(self, queue: str, wanted: Wanted, devices: tuple[int, ...]) -> Instance:
        now = self._now()
        price, list_price = prices(self._settings.hardware.get(wanted.hardware))
        return Instance(
            id=new_id(now),
            queue=queue,
            model=wanted.version.model,
            version=wanted.version.id,
            state="booting",
            devices=devices,
            memory=wanted.need.memory,
            gpu_memory=wanted.need.gpu_memory,
            cpus=wanted.need.cpus,
            hardware=wanted.hardware,
            slots=wanted.version.slots,
            created_at=rfc3339(now),
            last_used_at=rfc3339(now),
            payer=wanted.payer,
            deployment=wanted.queue.deployment,
            price=price,
            list_price=list_price,
        )

    async def _never(self, queue: str, wanted: Wanted, error: str) -> int:
        """Tell who waits; with nobody waiting, leave an instance that ended before it began, for who looks later."""
        if failed := await self._refuse(queue, error):
            return failed
        instance = self._instance(queue, wanted, ())
        await self._instances.add(instance)
        return await self._instances.end(instance.id, error, "", instance.created_at, error)

    def _tenant(self, i: Instance, fleet: _Fleet) -> Tenant:
        line = Queue.parse(i.queue)
        ready = [each for each in fleet.live if each.queue == i.queue and each.state == "ready"]
        return Tenant(
            id=i.id,
            queue=i.queue,
            cpus=i.cpus if i.cpus is not None else self._settings.instance_cpus,
            memory=max(i.memory, i.memory_used or 0),
            devices=i.devices,
            gpu_memory=max(i.gpu_memory, i.gpu_memory_used or 0) if i.gpu_memory else 0,
            state=i.state,
            running=fleet.running.get(i.id, 0),
            waits=i.queue in fleet.lines,
            kept=line.training is not None or fleet.warm.keeps(line),
            siblings=max(0, len(ready) - 1),
            ready_s=self._age_s(i.ready_at) if i.ready_at else 0.0,
            idle_s=self._age_s(i.last_used_at),
            boot_s=self._habits.boots.get((i.model, i.version), 0.0),
            calls=self._habits.calls.get(i.queue, 0),
        )

    def _cause(self, queue: str, fleet: _Fleet) -> str:
        line = fleet.lines.get(queue)
        if line is None:
            return "wanted at all times"
        others = sum(i.queue == queue for i in fleet.live)
        beside = f", {others} there" if others else ""
        return f"{line.waiting} waiting, for {self._age_s(line.oldest):.1f} s{beside}"

    async def _refuse(self, queue: str, error: str) -> int:
        failed = await self._predictions.fail_queue(queue, error, "", rfc3339(self._now()))
        for prediction in failed:
            self._feed.close_waiting(prediction)
        return len(failed)

    async def _retire(self, queue: str, fleet: _Fleet) -> int:
        """The version or the deployment is gone: so are its line and its instances."""
        changed = 0
        if queue in fleet.lines:
            changed += await self._refuse(queue, "What this prediction was to run on was deleted.")
        for instance in fleet.live:
            if instance.queue == queue and instance.state != "stopping":
                changed += await self._instances.drain(instance.id, "deleted")
        return changed

    def _age_s(self, at: str) -> float:
        return (self._now() - parse_time(at)).total_seconds()
